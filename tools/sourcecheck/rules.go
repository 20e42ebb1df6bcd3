package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"

	"github.com/scorefield/infer/tools/internal/house"
)

// exact are the functions of package math whose results are the same on every architecture.
var exact = map[string]bool{}

func init() {
	for name := range strings.FieldsSeq(`Abs Ceil Copysign FMA Float32bits Float32frombits Float64bits
		Float64frombits Floor Frexp Ilogb Inf IsInf IsNaN Ldexp Logb Max Min Mod Modf NaN Nextafter Nextafter32
		Remainder Round RoundToEven Signbit Sqrt Trunc`) {
		exact[name] = true
	}
}

// fused is the one file that lets the compiler fuse: float32 multiply-adds on arm64, one instruction each.
const fused = "fma32_arm64.go"

// check returns the problems of the packages that were asked for and carry a promise, as "file:line:column: what".
func check(units []unit, fset *token.FileSet, dir string) []string {
	p := follow(units)
	var problems []string
	reported := map[token.Pos]bool{}
	for _, u := range units {
		if !u.asked || u.promise == house.None {
			continue
		}
		for _, f := range u.files {
			report := func(at token.Pos, format string, args ...any) {
				if reported[at] {
					return
				}
				reported[at] = true
				position := fset.Position(at)
				if name, err := filepath.Rel(dir, position.Filename); err == nil {
					position.Filename = name
				}
				problems = append(problems, position.String()+": "+fmt.Sprintf(format, args...))
			}
			mayFuse := filepath.Base(fset.Position(f.Pos()).Filename) == fused
			ast.Inspect(f, func(n ast.Node) bool {
				if !mayFuse {
					p.sums(u.info, fset, n, report)
				}
				uses(u, n, report)
				return true
			})
		}
	}
	return problems
}

// sums reports additions and subtractions that a product meets.
func (p *products) sums(info *types.Info, fset *token.FileSet, n ast.Node, report func(token.Pos, string, ...any)) {
	meets := func(at token.Pos, op token.Token, operands ...taint) {
		for _, t := range operands {
			s := p.origin(t)
			switch {
			case s.made == 0:
				continue
			case s.argument != 0:
				report(s.argument, "this product is passed on and meets %s at %s, %s", op, short(fset, at), advice)
			default:
				report(at, "the product of %s meets %s, %s", short(fset, s.made), op, advice)
			}
			return
		}
	}
	switch n := n.(type) {
	case *ast.BinaryExpr:
		t := info.Types[n]
		switch {
		case t.Value != nil:
		case isComplex(t.Type) && (n.Op == token.MUL || n.Op == token.QUO):
			report(n.OpPos, "complex %s is made of products and sums; write it in real numbers with math.FMA", n.Op)
		case isFloat(t.Type) && (n.Op == token.ADD || n.Op == token.SUB):
			meets(n.OpPos, n.Op, p.product(info, n.X), p.product(info, n.Y))
		}
	case *ast.AssignStmt:
		left := info.TypeOf(n.Lhs[0])
		switch {
		case isComplex(left) && (n.Tok == token.MUL_ASSIGN || n.Tok == token.QUO_ASSIGN):
			report(n.TokPos, "complex %s is made of products and sums; write it in real numbers with math.FMA", n.Tok)
		case isFloat(left) && (n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN):
			meets(n.TokPos, n.Tok, p.product(info, n.Rhs[0]), p.holds(root(info, n.Lhs[0])))
		}
	case *ast.IncDecStmt:
		if isFloat(info.TypeOf(n.X)) {
			meets(n.TokPos, n.Tok, p.holds(root(info, n.X)))
		}
	}
}

const advice = "and a compiler may fuse them: write math.FMA, or round the product by a conversion, float64(a*b) + c"

// short is a position by file and line.
func short(fset *token.FileSet, at token.Pos) string {
	position := fset.Position(at)
	return fmt.Sprintf("%s:%d", filepath.Base(position.Filename), position.Line)
}

// uses reports functions whose results differ between architectures or compilers, and imports that sum in an
// order of their own. A use counts, called or not.
func uses(u unit, n ast.Node, report func(token.Pos, string, ...any)) {
	switch n := n.(type) {
	case *ast.ImportSpec:
		path := strings.Trim(n.Path.Value, `"`)
		if u.promise == house.Bits && strings.HasPrefix(path, "gonum.org/") {
			report(n.Pos(), "%s is imported where results reach the draws: gonum sums in another order on arm64", path)
		}
	case *ast.Ident:
		f, ok := u.info.Uses[n].(*types.Func)
		if !ok || f.Pkg() == nil {
			return
		}
		switch f.Pkg().Path() {
		case "math":
			if !exact[f.Name()] {
				report(n.Pos(), "math.%s differs between architectures: use the function of package backends", f.Name())
			}
		case "math/cmplx":
			report(n.Pos(), "cmplx.%s differs between architectures: write it in real numbers", f.Name())
		case "math/rand", "math/rand/v2":
			if f.Name() == "NormFloat64" || f.Name() == "ExpFloat64" {
				report(n.Pos(), "%s of %s differs between architectures: use package random", f.Name(), f.Pkg().Path())
			}
		}
	}
}
