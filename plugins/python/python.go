// Package python is the SDK for plug-ins in Python, in the folder infer_plugin, and what a new plug-in begins with.
//
//	files, err := python.New("my-score")    // path: content, to be written to a folder
//
// The SDK is a Python package that needs numpy and nothing else. A plug-in carries a copy of it, so that its checksums
// cover all that runs but the interpreter and what pip installed; `pip install ./plugins/python` is for those who like it better.
package python

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/scorefield/infer/plugins/protocol"
)

//go:embed infer_plugin/*.py template
var files embed.FS

// SDK is the files of the Python package: infer_plugin/__init__.py and so on, with their content.
func SDK() map[string][]byte {
	sdk := map[string][]byte{}
	names, err := fs.Glob(files, "infer_plugin/*.py")
	for _, name := range names {
		if err == nil {
			sdk[name], err = files.ReadFile(name)
		}
	}
	if err != nil {
		panic(err) // the files are part of the program
	}
	return sdk
}

// New is the files of a new plug-in: a model to be replaced, its test, the manifest and the SDK, by their paths with slashes.
// The name consists of small letters, digits and hyphens.
func New(name string) (map[string][]byte, error) {
	if err := protocol.CheckName(name); err != nil {
		return nil, fmt.Errorf("plug-in: %w", err)
	}
	all := SDK()
	own, err := fs.Glob(files, "template/*")
	if err != nil {
		return nil, err
	}
	for _, from := range own {
		text, err := files.ReadFile(from)
		if err != nil {
			return nil, err
		}
		all[path.Base(from)] = []byte(strings.ReplaceAll(string(text), "NAME", name))
	}
	all[manifest] = Manifest(all[manifest], all)
	return all, nil
}

const manifest = "plugin.toml"

// Manifest adds the list of files to a manifest that ends with the line [files].
func Manifest(text []byte, all map[string][]byte) []byte {
	var lines []string
	for name := range all {
		if name != manifest {
			lines = append(lines, fmt.Sprintf("%q = \"\"\n", name))
		}
	}
	slices.Sort(lines)
	return append(slices.Clip(text), strings.Join(lines, "")...)
}
