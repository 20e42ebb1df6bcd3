// Package examples holds plug-ins, one a folder, and runs them all in its test: in numpy, JAX, PyTorch, C and Go, a score network
// trained outside, a simulator, and a Stan program. Those in Python need a copy of the SDK beside them to be installed:
//
//	cp -r plugins/python/infer_plugin plugins/examples/python-donut/
//	infer plugin install plugins/examples/python-donut
package examples
