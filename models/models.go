// Package models holds trained models that come with the program, by name:
//
//	m, err := models.Shipped().Model("mnist")
//
// A model is a file NAME.safetensors in the folder weights, of at most 2 MB, with weights of 16 bits, a [score.Model.Short] that was
// saved. It is evaluated in float32, and what is said of its quality was measured on the stored weights. The file docs/models.md
// says of each where it comes from, under which licence, and what it cannot do.
package models

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/scorefield/infer/score"
)

//go:embed weights
var weights embed.FS

// suffix is that of a model's file.
const suffix = ".safetensors"

// ErrUnknown is in the chain of the error about a name that no model has.
var ErrUnknown = errors.New("unknown model")

// Collection is models by name, the files of a folder.
type Collection struct{ folder fs.FS }

// Shipped are the models that come with the program.
func Shipped() Collection {
	folder, err := fs.Sub(weights, "weights")
	if err != nil { // the name is right
		panic(err)
	}
	return Collection{folder}
}

// In are the models of another folder.
func In(folder fs.FS) Collection { return Collection{folder} }

// Names are the names of the models, in order.
func (c Collection) Names() []string {
	var names []string
	entries, err := fs.ReadDir(c.folder, ".")
	if err != nil {
		return nil // a folder that is not there has no models
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !e.IsDir() {
			names = append(names, name)
		}
	}
	return names
}

// Model reads the model of a name. A name that no model has is an [ErrUnknown], a damaged file a [score.ErrModel].
func (c Collection) Model(name string) (*score.Model, error) {
	file := name + suffix
	data, err := fs.ReadFile(c.folder, file)
	if err != nil {
		return nil, fmt.Errorf("models: %w %q: there are %s", ErrUnknown, name, c.listed())
	}
	m, err := score.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("models: %s: %w", name, err)
	}
	return m, nil
}

func (c Collection) listed() string {
	if names := c.Names(); len(names) > 0 {
		return strings.Join(names, ", ")
	}
	return "none"
}
