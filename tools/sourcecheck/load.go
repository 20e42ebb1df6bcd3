package main

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"

	"github.com/scorefield/infer/tools/internal/house"
)

// unit is a package of ours with its syntax, types and promise.
type unit struct {
	path    string
	promise house.Promise
	asked   bool // by the patterns; the others are only followed
	files   []*ast.File
	pkg     *types.Package
	info    *types.Info
}

// load type-checks our packages, and those of ours that they import, from source: an object has one identity
// wherever it is used, so a product can be followed from one package into another. Everything else comes from
// export data.
func load(dir string, target house.Target, patterns []string, fset *token.FileSet) ([]unit, error) {
	packages, err := house.List(dir, target, append([]string{"-export", "-deps"}, patterns...)...)
	if err != nil {
		return nil, err
	}
	im := imports{ours: map[string]*types.Package{}, exports: map[string]string{}}
	im.others = importer.ForCompiler(fset, "gc", im.open)
	var units []unit
	for _, p := range packages {
		if p.Module == nil || p.Module.Path != house.Module {
			im.exports[p.ImportPath] = p.Export
			continue
		}
		room, known := house.Find(p.ImportPath)
		if !known {
			room.Promise = house.Bits // a package without a floor gets the strictest rules
		}
		u := unit{path: p.ImportPath, promise: room.Promise, asked: !p.DepOnly}
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			u.files = append(u.files, f)
		}
		u.info = &types.Info{
			Types:      map[ast.Expr]types.TypeAndValue{},
			Defs:       map[*ast.Ident]types.Object{},
			Uses:       map[*ast.Ident]types.Object{},
			Selections: map[*ast.SelectorExpr]*types.Selection{},
			Implicits:  map[ast.Node]types.Object{},
		}
		config := types.Config{Importer: im, Sizes: types.SizesFor("gc", "amd64")}
		pkg, err := config.Check(p.ImportPath, fset, u.files, u.info)
		if err != nil {
			return nil, fmt.Errorf("types of %s: %w", p.ImportPath, err)
		}
		im.ours[p.ImportPath], u.pkg = pkg, pkg
		units = append(units, u)
	}
	return units, nil
}

// imports resolves our packages to those already checked and the rest to export data.
type imports struct {
	ours    map[string]*types.Package
	exports map[string]string
	others  types.Importer
}

func (im imports) Import(path string) (*types.Package, error) {
	if p := im.ours[path]; p != nil {
		return p, nil
	}
	return im.others.Import(path)
}

func (im imports) open(path string) (io.ReadCloser, error) {
	name := im.exports[path]
	if name == "" {
		return nil, fmt.Errorf("no export data of %s", path)
	}
	return os.Open(name)
}
