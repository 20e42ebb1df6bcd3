package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math"
)

// products follows floating-point products through a program. A compiler may fuse a product with a sum that it
// meets anywhere after inlining, so a product is not only a*b: it is also a variable, field, slice or parameter
// that was given one somewhere, and a call of a function that returns one. An explicit conversion rounds, and
// ends it.
type products struct {
	// marked holds variables, fields and parameters that hold a product somewhere, and slices, arrays and
	// pointers one of whose elements does.
	marked map[types.Object]bool
	// returns holds, for a function, the results that are products.
	returns map[any]map[int]bool // *types.Func or *ast.FuncLit
	// closures are the function literals that a variable was given.
	closures map[types.Object][]callee
	changed  bool
}

// follow marks until nothing changes.
func follow(units []unit) *products {
	p := &products{map[types.Object]bool{}, map[any]map[int]bool{}, map[types.Object][]callee{}, true}
	for _, u := range units {
		for _, f := range u.files {
			ast.Inspect(f, func(n ast.Node) bool { p.collect(u.info, n); return true })
		}
	}
	for p.changed {
		p.changed = false
		for _, u := range units {
			for _, f := range u.files {
				for _, d := range f.Decls {
					p.walk(u.info, d, nil)
				}
			}
		}
	}
	return p
}

// collect notes which variables name function literals.
func (p *products) collect(info *types.Info, n ast.Node) {
	note := func(left, right ast.Expr) {
		if lit, ok := ast.Unparen(right).(*ast.FuncLit); ok {
			if o := root(info, left); o != nil {
				p.closures[o] = append(p.closures[o], callee{lit, info.TypeOf(lit).(*types.Signature)})
			}
		}
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		if len(n.Lhs) == len(n.Rhs) {
			for i := range n.Lhs {
				note(n.Lhs[i], n.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		for i := range n.Values {
			if len(n.Names) == len(n.Values) {
				note(n.Names[i], n.Values[i])
			}
		}
	}
}

// function is the declared function or literal whose body is being walked.
type function struct {
	key     any
	results *types.Tuple
}

func (p *products) walk(info *types.Info, n ast.Node, in *function) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if o, ok := info.Defs[n.Name].(*types.Func); ok && n.Body != nil {
				p.walk(info, n.Body, &function{o.Origin(), o.Signature().Results()})
			}
			return false
		case *ast.FuncLit:
			if s, ok := info.TypeOf(n).(*types.Signature); ok {
				p.walk(info, n.Body, &function{n, s.Results()})
			}
			return false
		case *ast.AssignStmt:
			p.assign(info, n)
		case *ast.ValueSpec:
			for i, name := range n.Names {
				switch {
				case len(n.Values) == len(n.Names):
					p.give(info, name, n.Values[i])
				case len(n.Values) == 1:
					p.giveResult(info, name, n.Values[0], i)
				}
			}
		case *ast.RangeStmt:
			if n.Value != nil && p.elements(info, n.X) {
				p.mark(root(info, n.Value))
			}
		case *ast.ReturnStmt:
			p.giveResults(info, n, in)
		case *ast.CallExpr:
			p.call(info, n)
		case *ast.CompositeLit:
			p.literal(info, n)
		}
		return true
	})
}

func (p *products) assign(info *types.Info, n *ast.AssignStmt) {
	switch n.Tok {
	case token.MUL_ASSIGN:
		if isFloat(info.TypeOf(n.Lhs[0])) {
			p.mark(root(info, n.Lhs[0]))
		}
	case token.QUO_ASSIGN:
		if isFloat(info.TypeOf(n.Lhs[0])) && isPowerOfTwo(info.Types[n.Rhs[0]].Value) {
			p.mark(root(info, n.Lhs[0]))
		}
	case token.ASSIGN, token.DEFINE:
		for i, left := range n.Lhs {
			if len(n.Lhs) == len(n.Rhs) {
				p.give(info, left, n.Rhs[i])
			} else {
				p.giveResult(info, left, n.Rhs[0], i)
			}
		}
	}
}

// give marks what left names if right is a product or holds one.
func (p *products) give(info *types.Info, left, right ast.Expr) {
	if p.is(info, right) || p.elements(info, right) {
		p.mark(root(info, left))
	}
}

func (p *products) giveResult(info *types.Info, left, right ast.Expr, i int) {
	if call, ok := ast.Unparen(right).(*ast.CallExpr); ok {
		for _, c := range p.callees(info, call) {
			if p.returns[c.key][i] {
				p.mark(root(info, left))
			}
		}
	}
}

func (p *products) giveResults(info *types.Info, n *ast.ReturnStmt, in *function) {
	if in == nil {
		return
	}
	set := func(i int) {
		if p.returns[in.key] == nil {
			p.returns[in.key] = map[int]bool{}
		}
		if !p.returns[in.key][i] {
			p.returns[in.key][i], p.changed = true, true
		}
	}
	switch {
	case len(n.Results) == 0:
		for i := range in.results.Len() {
			if p.marked[in.results.At(i)] {
				set(i)
			}
		}
	case len(n.Results) == in.results.Len():
		for i, e := range n.Results {
			if p.is(info, e) || p.elements(info, e) {
				set(i)
			}
		}
	default: // return f()
		if call, ok := ast.Unparen(n.Results[0]).(*ast.CallExpr); ok {
			for _, c := range p.callees(info, call) {
				for i := range p.returns[c.key] {
					set(i)
				}
			}
		}
	}
}

// call marks the parameters that receive a product.
func (p *products) call(info *types.Info, n *ast.CallExpr) {
	for _, c := range p.callees(info, n) {
		params := c.signature.Params()
		for i, a := range n.Args {
			if c.signature.Variadic() {
				i = min(i, params.Len()-1)
			}
			if i < params.Len() && p.is(info, a) {
				p.mark(params.At(i))
			}
		}
	}
}

// literal marks the fields of a struct that a composite literal gives a product.
func (p *products) literal(info *types.Info, n *ast.CompositeLit) {
	s, ok := under(info.TypeOf(n)).(*types.Struct)
	if !ok {
		return
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if name, ok := kv.Key.(*ast.Ident); ok && (p.is(info, kv.Value) || p.elements(info, kv.Value)) {
				p.mark(info.Uses[name])
			}
		} else if i < s.NumFields() && (p.is(info, e) || p.elements(info, e)) {
			p.mark(s.Field(i))
		}
	}
}

func (p *products) mark(o types.Object) {
	if v, ok := o.(*types.Var); ok {
		o = v.Origin()
		if !p.marked[o] {
			p.marked[o], p.changed = true, true
		}
	}
}

// is says whether a floating-point expression may be a product that nothing has rounded yet.
func (p *products) is(info *types.Info, e ast.Expr) bool {
	t := info.Types[e]
	if t.Value != nil || !isFloat(t.Type) && !isComplex(t.Type) {
		return false
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.BinaryExpr:
		return e.Op == token.MUL || e.Op == token.QUO && isPowerOfTwo(info.Types[e.Y].Value)
	case *ast.UnaryExpr:
		return p.is(info, e.X)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr, *ast.StarExpr:
		return p.isMarked(root(info, e))
	case *ast.CallExpr:
		for _, c := range p.callees(info, e) {
			if p.returns[c.key][0] {
				return true
			}
		}
	}
	return false
}

// elements says whether a slice, array or pointer may hold a product.
func (p *products) elements(info *types.Info, e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		switch under(info.TypeOf(e)).(type) {
		case *types.Slice, *types.Array:
			for _, x := range e.Elts {
				if kv, ok := x.(*ast.KeyValueExpr); ok {
					x = kv.Value
				}
				if p.is(info, x) || p.elements(info, x) {
					return true
				}
			}
		}
	case *ast.SliceExpr:
		return p.elements(info, e.X)
	case *ast.UnaryExpr:
		return e.Op == token.AND && p.isMarked(root(info, e.X))
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		switch under(info.TypeOf(e)).(type) {
		case *types.Slice, *types.Array, *types.Pointer:
			return p.isMarked(root(info, e))
		}
	}
	return false
}

func (p *products) isMarked(o types.Object) bool {
	if v, ok := o.(*types.Var); ok {
		return p.marked[v.Origin()]
	}
	return false
}

// callee is what a call may enter, a *types.Func or an *ast.FuncLit, with its signature.
type callee struct {
	key       any
	signature *types.Signature
}

// callees are the declared function or the function literals that a call may enter. Calls through interfaces
// and fields are not followed; the listing check sees what the compiler makes of those.
func (p *products) callees(info *types.Info, n *ast.CallExpr) []callee {
	f := ast.Unparen(n.Fun)
	switch x := f.(type) {
	case *ast.IndexExpr:
		f = x.X
	case *ast.IndexListExpr:
		f = x.X
	}
	var o types.Object
	switch f := f.(type) {
	case *ast.Ident:
		o = info.Uses[f]
	case *ast.SelectorExpr:
		o = info.Uses[f.Sel]
	case *ast.FuncLit:
		return []callee{{f, info.TypeOf(f).(*types.Signature)}}
	}
	switch o := o.(type) {
	case *types.Func:
		return []callee{{o.Origin(), o.Origin().Signature()}}
	case *types.Var:
		return p.closures[o]
	}
	return nil
}

// root is the object that an expression reads or writes: the variable, or the field, under any index,
// dereference, parenthesis and slice.
func root(info *types.Info, e ast.Expr) types.Object {
	switch e := e.(type) {
	case *ast.Ident:
		if o := info.Defs[e]; o != nil {
			return o
		}
		return info.Uses[e]
	case *ast.SelectorExpr:
		return info.Uses[e.Sel]
	case *ast.IndexExpr:
		return root(info, e.X)
	case *ast.StarExpr:
		return root(info, e.X)
	case *ast.ParenExpr:
		return root(info, e.X)
	case *ast.SliceExpr:
		return root(info, e.X)
	}
	return nil
}

func under(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

// isFloat says whether a type is floating point, or a type parameter that can be.
func isFloat(t types.Type) bool { return basic(t, types.IsFloat) }

func isComplex(t types.Type) bool { return basic(t, types.IsComplex) }

func basic(t types.Type, want types.BasicInfo) bool {
	switch u := under(t).(type) {
	case *types.Basic:
		return u.Info()&want != 0
	case *types.Interface: // the constraint of a type parameter
		for i := range u.NumEmbeddeds() {
			if basic(u.EmbeddedType(i), want) {
				return true
			}
		}
	case *types.Union:
		for i := range u.Len() {
			if basic(u.Term(i).Type(), want) {
				return true
			}
		}
	}
	return false
}

// isPowerOfTwo says whether a division by a constant becomes a multiplication, which can be fused.
func isPowerOfTwo(v constant.Value) bool {
	if v == nil {
		return false
	}
	f, _ := constant.Float64Val(constant.ToFloat(v))
	fraction, _ := math.Frexp(math.Abs(f))
	return fraction == 0.5
}
