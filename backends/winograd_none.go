//go:build !amd64 || noasm

package backends

func (p *pass) run(of transform, _ vectorKind) { p.generic(of) }

func denseAdd(y, x, w Matrix, _ vectorKind) { denseAddGeneric(y, x, w) }

func winogradProducts(outputs, inputs, u []float32, room, tiles, ic, oc int, _ vectorKind) {
	productsGeneric(outputs, inputs, u, room, tiles, ic, oc)
}
