package quality

import _ "embed"

// The classifiers are those that come with this module, for MNIST and Fashion-MNIST.
var (
	//go:embed digits.safetensors
	digits []byte
	//go:embed fashion.safetensors
	fashion []byte
)

var shipped = []struct {
	name string
	file []byte
}{{"digits", digits}, {"fashion", fashion}}

// Shipped are the names of the classifiers that come with this module.
func Shipped() []string {
	var names []string
	for _, s := range shipped {
		names = append(names, s.name)
	}
	return names
}

// Open is the classifier of a name of [Shipped], or of a file.
func Open(name string) (*Classifier, error) {
	for _, s := range shipped {
		if s.name == name {
			return DecodeClassifier(s.file)
		}
	}
	return LoadClassifier(name)
}
