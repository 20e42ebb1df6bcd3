package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// source is the package of specifications, parsed and typed.
type source struct {
	set       *token.FileSet
	functions map[string]*ast.FuncDecl
	tables    map[string][]ast.Expr // package-level arrays of constants
	info      *types.Info
}

// readSource parses the hand-written files of a folder. What it cannot type (imports of other modules) is left out:
// specifications import nothing but math.
func readSource(folder string) (*source, error) {
	s := &source{
		set:       token.NewFileSet(),
		functions: map[string]*ast.FuncDecl{},
		tables:    map[string][]ast.Expr{},
		info:      &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}},
	}
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(string(text), "// Code generated") || strings.Contains(string(text), "\n//go:build ") || strings.HasPrefix(string(text), "//go:build") {
			continue
		}
		f, err := parser.ParseFile(s.set, name, text, 0)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					s.functions[d.Name.Name] = d
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					v, ok := spec.(*ast.ValueSpec)
					if !ok || d.Tok != token.VAR || len(v.Names) != 1 || len(v.Values) != 1 {
						continue
					}
					if list, ok := v.Values[0].(*ast.CompositeLit); ok {
						s.tables[v.Names[0].Name] = list.Elts
					}
				}
			}
		}
	}
	config := types.Config{Importer: importer.ForCompiler(s.set, "source", nil), Error: func(error) {}}
	_, _ = config.Check("backends", s.set, files, s.info) // generated declarations are missing, which is no fault here
	return s, nil
}

// translator turns one specification into operations. A specification is written in this subset of Go, which has no
// branches:
//
//   - parameters and results of type float64 or uint64, or float32 and uint32, which share no operation with the wide ones;
//   - statements v := x, v = x, a, b := f(x), v += x and the like, for i := range CONSTANT, which is unrolled, and at the
//     end return;
//   - float arithmetic + - * /, comparisons, && || !, and on integers + - & | ^ &^ and shifts by constants;
//   - constants, and elements of package-level arrays of constants at constant indices;
//   - the functions that [translator.call] knows, which are single instructions, and other specifications.
//
// Conversions between types are outside: a conversion of a value to its own type is a rounding, which every operation here
// does anyway.
type translator struct {
	*source
	*program
}

type failure struct{ error }

func (t *translator) fail(at ast.Node, format string, args ...any) {
	panic(failure{fmt.Errorf("%s: %s", t.set.Position(at.Pos()), fmt.Sprintf(format, args...))})
}

// scope holds the variables of one call.
type scope map[string]*value

// inline goes through the body of a specification.
func (t *translator) inline(at ast.Node, name string, args []*value) []*value {
	f, ok := t.functions[name]
	if !ok {
		t.fail(at, "%s is no specification", name)
	}
	vars, i := scope{}, 0
	for _, field := range f.Type.Params.List {
		for _, n := range field.Names {
			if i >= len(args) {
				t.fail(at, "%s: too few arguments", name)
			}
			vars[n.Name] = args[i]
			i++
		}
	}
	if i != len(args) {
		t.fail(at, "%s: %d arguments for %d parameters", name, len(args), i)
	}
	results := t.block(vars, map[string]int64{}, f.Body.List)
	if results == nil {
		t.fail(f, "%s does not end in a return", name)
	}
	return results
}

// block runs statements and returns what a return statement gave, or nil.
func (t *translator) block(vars scope, counters map[string]int64, list []ast.Stmt) []*value {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.DeclStmt: // local constants have their value in the type information
		case *ast.AssignStmt:
			t.assign(vars, counters, s)
		case *ast.ReturnStmt:
			var results []*value
			for _, e := range s.Results {
				results = append(results, t.list(vars, counters, e)...)
			}
			return results
		case *ast.RangeStmt:
			n, ok := t.integer(counters, s.X)
			if !ok {
				t.fail(s, "a loop needs a constant count")
			}
			t.refuseHiding(vars, s)
			for i := range n {
				if id, ok := s.Key.(*ast.Ident); ok {
					counters[id.Name] = i
				}
				if r := t.block(vars, counters, s.Body.List); r != nil {
					t.fail(s, "return in a loop")
				}
			}
		default:
			t.fail(s, "statement outside the subset")
		}
	}
	return nil
}

// refuseHiding fails where a loop declares a variable that exists outside: the variables of a call have one scope here.
func (t *translator) refuseHiding(vars scope, loop *ast.RangeStmt) {
	declared := []ast.Expr{loop.Key}
	for _, s := range loop.Body.List {
		if a, ok := s.(*ast.AssignStmt); ok && a.Tok == token.DEFINE {
			declared = append(declared, a.Lhs...)
		}
	}
	for _, d := range declared {
		if id, ok := d.(*ast.Ident); ok && vars[id.Name] != nil {
			t.fail(loop, "%s hides a variable outside of the loop", id.Name)
		}
	}
}

func (t *translator) assign(vars scope, counters map[string]int64, s *ast.AssignStmt) {
	var results []*value
	switch {
	case s.Tok == token.ASSIGN || s.Tok == token.DEFINE:
		for _, e := range s.Rhs {
			results = append(results, t.list(vars, counters, e)...)
		}
	default: // x += y
		op, ok := map[token.Token]token.Token{token.ADD_ASSIGN: token.ADD, token.SUB_ASSIGN: token.SUB, token.MUL_ASSIGN: token.MUL,
			token.QUO_ASSIGN: token.QUO, token.AND_ASSIGN: token.AND, token.OR_ASSIGN: token.OR, token.XOR_ASSIGN: token.XOR}[s.Tok]
		if !ok {
			t.fail(s, "assignment outside the subset")
		}
		results = []*value{t.binary(s, op, t.one(vars, counters, s.Lhs[0]), t.one(vars, counters, s.Rhs[0]))}
	}
	if len(results) != len(s.Lhs) {
		t.fail(s, "%d values for %d variables", len(results), len(s.Lhs))
	}
	for i, l := range s.Lhs {
		id, ok := l.(*ast.Ident)
		if !ok {
			t.fail(s, "assignment to something else than a variable")
		}
		if id.Name != "_" {
			vars[id.Name] = results[i]
		}
	}
}

// integer is a constant expression that may use the counters of unrolled loops.
func (t *translator) integer(counters map[string]int64, e ast.Expr) (int64, bool) {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return t.integer(counters, e.X)
	case *ast.Ident:
		if n, ok := counters[e.Name]; ok {
			return n, true
		}
	case *ast.CallExpr:
		if id, ok := e.Fun.(*ast.Ident); ok && id.Name == "len" {
			if name, ok := e.Args[0].(*ast.Ident); ok && t.tables[name.Name] != nil {
				return int64(len(t.tables[name.Name])), true
			}
		}
	case *ast.BinaryExpr:
		x, ok1 := t.integer(counters, e.X)
		y, ok2 := t.integer(counters, e.Y)
		if ok1 && ok2 {
			switch e.Op {
			case token.ADD:
				return x + y, true
			case token.SUB:
				return x - y, true
			case token.MUL:
				return x * y, true
			}
		}
	}
	if tv, ok := t.info.Types[e]; ok && tv.Value != nil {
		return constant.Int64Val(constant.ToInt(tv.Value))
	}
	return 0, false
}

func (t *translator) one(vars scope, counters map[string]int64, e ast.Expr) *value {
	r := t.list(vars, counters, e)
	if len(r) != 1 {
		t.fail(e, "one value wanted, %d given", len(r))
	}
	return r[0]
}

// list evaluates an expression, which has several values if it is a call.
func (t *translator) list(vars scope, counters map[string]int64, e ast.Expr) []*value {
	if tv, ok := t.info.Types[e]; ok && tv.Value != nil {
		if b, ok := tv.Type.Underlying().(*types.Basic); ok {
			return []*value{t.literal(e, b, tv.Value)}
		}
	}
	switch e := e.(type) {
	case *ast.ParenExpr:
		return t.list(vars, counters, e.X)
	case *ast.Ident:
		if v, ok := vars[e.Name]; ok {
			return []*value{v}
		}
		t.fail(e, "%s is unknown", e.Name)
	case *ast.UnaryExpr:
		x := t.one(vars, counters, e.X)
		switch e.Op {
		case token.ADD:
			return []*value{x}
		case token.SUB:
			return []*value{t.add(value{op: "neg", kind: float, narrow: x.narrow, args: []*value{x}})}
		case token.NOT:
			return []*value{t.add(value{op: "not", kind: mask, narrow: x.narrow, args: []*value{x}})}
		}
		t.fail(e, "operator %s outside the subset", e.Op)
	case *ast.BinaryExpr:
		x := t.one(vars, counters, e.X)
		if e.Op == token.SHL || e.Op == token.SHR {
			n, ok := t.integer(counters, e.Y)
			if !ok {
				t.fail(e, "a shift needs a constant count")
			}
			return []*value{t.add(value{op: map[token.Token]string{token.SHL: "shl", token.SHR: "shr"}[e.Op], kind: bits, narrow: x.narrow, args: []*value{x}, number: uint64(n)})}
		}
		return []*value{t.binary(e, e.Op, x, t.one(vars, counters, e.Y))}
	case *ast.IndexExpr:
		id, ok := e.X.(*ast.Ident)
		n, constantIndex := t.integer(counters, e.Index)
		if !ok || !constantIndex {
			t.fail(e, "an index must be constant")
		}
		if v, ok := vars[id.Name]; ok { // round keys
			return []*value{t.add(value{op: "key", kind: bits, param: v.param, number: uint64(n)})}
		}
		table, ok := t.tables[id.Name]
		if !ok || n < 0 || n >= int64(len(table)) {
			t.fail(e, "no such table entry")
		}
		return t.list(scope{}, nil, table[n])
	case *ast.CallExpr:
		return t.callExpr(vars, counters, e)
	}
	t.fail(e, "expression outside the subset")
	return nil
}

func (t *translator) literal(e ast.Expr, b *types.Basic, v constant.Value) *value {
	switch b.Kind() {
	case types.Float64, types.UntypedFloat:
		x, _ := constant.Float64Val(v)
		return t.constant(float, false, math.Float64bits(x))
	case types.Float32:
		x, _ := constant.Float32Val(v)
		return t.constant(float, true, uint64(math.Float32bits(x)))
	case types.Uint64, types.Uint32:
		n, ok := constant.Uint64Val(constant.ToInt(v))
		if !ok {
			t.fail(e, "constant %s is no uint64", v)
		}
		return t.constant(bits, b.Kind() == types.Uint32, n)
	}
	t.fail(e, "constant of type %s", b)
	return nil
}

var predicates = map[token.Token]uint64{ // quiet, false for NaN but !=
	token.EQL: 0x00, token.LSS: 0x11, token.LEQ: 0x12, token.NEQ: 0x04, token.GEQ: 0x1d, token.GTR: 0x1e,
}

func (t *translator) binary(at ast.Node, op token.Token, x, y *value) *value {
	if x.narrow != y.narrow {
		t.fail(at, "operands of different width")
	}
	if p, ok := predicates[op]; ok {
		if x.kind != float {
			t.fail(at, "comparison of something else than floats")
		}
		return t.add(value{op: "compare", kind: mask, narrow: x.narrow, args: []*value{x, y}, number: p})
	}
	name, ok := map[token.Token]string{token.ADD: "add", token.SUB: "sub", token.MUL: "mul", token.QUO: "div", token.AND: "and", token.OR: "or",
		token.XOR: "xor", token.AND_NOT: "andnot", token.LAND: "and", token.LOR: "or"}[op]
	if !ok || x.kind != y.kind || x.kind == bits && (name == "mul" || name == "div") {
		t.fail(at, "operator %s outside the subset", op)
	}
	return t.add(value{op: name, kind: x.kind, narrow: x.narrow, args: []*value{x, y}})
}

func (t *translator) callExpr(vars scope, counters map[string]int64, e *ast.CallExpr) []*value {
	name := ""
	switch f := e.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		if id, ok := f.X.(*ast.Ident); ok && id.Name == "math" {
			name = "math." + f.Sel.Name
		}
	}
	if name == "math.Inf" {
		n, _ := t.integer(counters, e.Args[0])
		return []*value{t.constant(float, false, math.Float64bits(math.Inf(int(n))))}
	}
	var args []*value
	for _, a := range e.Args {
		args = append(args, t.list(vars, counters, a)...)
	}
	return t.call(e, name, args)
}

// call applies an instruction, if there is one of that name, or else a specification.
func (t *translator) call(at ast.Node, name string, args []*value) []*value {
	one := func(op string, k kind, number uint64) []*value {
		return []*value{t.add(value{op: op, kind: k, narrow: args[0].narrow, args: args, number: number})}
	}
	switch name {
	case "float64", "float32", "uint64", "uint32": // a rounding that has been done; nothing is converted
		k := float
		if name[0] == 'u' {
			k = bits
		}
		if len(args) != 1 || args[0].kind != k || args[0].narrow != strings.HasSuffix(name, "32") {
			t.fail(at, "conversion to %s of another type", name)
		}
		return args
	case "math.NaN":
		return []*value{t.constant(float, false, 0x7ff8000000000001)}
	case "math.FMA", "FMA32":
		return one("fma", float, 0)
	case "fromInt32":
		return one("convert", float, 0)
	case "math.Sqrt", "sqrt32":
		return one("sqrt", float, 0)
	case "math.Abs":
		return one("abs", float, 0)
	case "math.Floor":
		return one("round", float, 1|8)
	case "math.RoundToEven":
		return one("round", float, 0|8)
	case "math.Float64bits", "math.Float32bits":
		return one("reinterpret", bits, 0)
	case "math.Float64frombits", "math.Float32frombits":
		return one("reinterpret", float, 0)
	case "mulLow32":
		return one("mulLow32", bits, 0)
	case "where", "whereBits", "where32":
		return []*value{t.add(value{op: "select", kind: args[1].kind, narrow: args[1].narrow, args: args})}
	case "whereSign", "whereSign32":
		m := t.add(value{op: "sign", kind: mask, narrow: args[0].narrow, args: args[:1]})
		return []*value{t.add(value{op: "select", kind: args[1].kind, narrow: args[1].narrow, args: []*value{m, args[1], args[2]}})}
	}
	return t.inline(at, name, args)
}
