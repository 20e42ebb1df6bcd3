package main

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math"
	"slices"
)

// products follows floating-point products through a program. A compiler may fuse a product with a sum that it
// meets anywhere after inlining, so a product is not only a*b: it is also a variable, field, slice or parameter
// that was given one somewhere, and a call of a function that returns one. An explicit conversion rounds, and
// ends it.
type products struct {
	// held is what variables, fields and parameters hold; of slices, arrays and pointers, what their elements do.
	held map[*types.Var]taint
	// received is the product that some call passes to a parameter.
	received map[*types.Var]source
	// returned is what the results of a *types.Func or *ast.FuncLit are.
	returned map[any][]taint
	// closures are the function literals that a variable was given.
	closures map[types.Object][]callee
	changed  bool
}

// taint says how a value may be a product: made at a place in the code, or handed through from parameters. The
// second makes a function that only picks one of its arguments as innocent as the arguments of each call.
type taint struct {
	at   token.Pos // 0 if it is none of its own
	from []*types.Var
}

func (t taint) empty() bool { return t.at == 0 && len(t.from) == 0 }

func (t taint) join(other taint) taint {
	if t.at == 0 {
		t.at = other.at
	}
	for _, v := range other.from {
		if !slices.Contains(t.from, v) {
			t.from = append(slices.Clip(t.from), v)
		}
	}
	return t
}

// source is where a product was made and, if it came from another package, the argument of the call that brought it.
type source struct{ made, argument token.Pos }

// origin is a product that the value may be; made is 0 if there is none.
func (p *products) origin(t taint) source {
	if t.at != 0 {
		return source{made: t.at}
	}
	for _, v := range t.from {
		if s := p.received[v]; s.made != 0 {
			return s
		}
	}
	return source{}
}

// follow marks until nothing changes.
func follow(units []unit) *products {
	p := &products{map[*types.Var]taint{}, map[*types.Var]source{}, map[any][]taint{}, map[types.Object][]callee{}, true}
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
					p.walk(u.info, u.pkg, d, nil)
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

func (p *products) walk(info *types.Info, pkg *types.Package, n ast.Node, in *function) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if o, ok := info.Defs[n.Name].(*types.Func); ok && n.Body != nil {
				p.walk(info, pkg, n.Body, p.enter(o.Origin(), o.Signature()))
			}
			return false
		case *ast.FuncLit:
			if s, ok := info.TypeOf(n).(*types.Signature); ok {
				p.walk(info, pkg, n.Body, p.enter(n, s))
			}
			return false
		case *ast.AssignStmt:
			p.assign(info, n)
		case *ast.ValueSpec:
			for i, name := range n.Names {
				switch {
				case len(n.Values) == len(n.Names):
					p.give(root(info, name), p.value(info, n.Values[i]))
				case len(n.Values) == 1:
					p.give(root(info, name), p.result(info, n.Values[0], i))
				}
			}
		case *ast.RangeStmt:
			if n.Value != nil {
				p.give(root(info, n.Value), p.elements(info, n.X))
			}
		case *ast.ReturnStmt:
			p.giveResults(info, n, in)
		case *ast.CallExpr:
			p.pass(info, pkg, n)
		case *ast.CompositeLit:
			p.literal(info, n)
		}
		return true
	})
}

// enter notes that the parameters of a function are what its callers pass.
func (p *products) enter(key any, s *types.Signature) *function {
	for i := range s.Params().Len() {
		v := s.Params().At(i)
		p.give(v, taint{from: []*types.Var{v}})
	}
	return &function{key, s.Results()}
}

func (p *products) assign(info *types.Info, n *ast.AssignStmt) {
	switch n.Tok {
	case token.MUL_ASSIGN:
		if isFloat(info.TypeOf(n.Lhs[0])) {
			p.give(root(info, n.Lhs[0]), taint{at: n.TokPos})
		}
	case token.QUO_ASSIGN:
		if isFloat(info.TypeOf(n.Lhs[0])) && isPowerOfTwo(info.Types[n.Rhs[0]].Value) {
			p.give(root(info, n.Lhs[0]), taint{at: n.TokPos})
		}
	case token.ASSIGN, token.DEFINE:
		for i, left := range n.Lhs {
			if len(n.Lhs) == len(n.Rhs) {
				p.give(root(info, left), p.value(info, n.Rhs[i]))
			} else {
				p.give(root(info, left), p.result(info, n.Rhs[0], i))
			}
		}
	}
}

// give notes that a variable or field is given a value.
func (p *products) give(o types.Object, t taint) {
	v, ok := o.(*types.Var)
	if !ok || t.empty() {
		return
	}
	v = v.Origin()
	before := p.held[v]
	after := before.join(t)
	if after.at != before.at || len(after.from) != len(before.from) {
		p.held[v], p.changed = after, true
	}
}

func (p *products) giveResults(info *types.Info, n *ast.ReturnStmt, in *function) {
	if in == nil {
		return
	}
	results := p.returned[in.key]
	if results == nil {
		results = make([]taint, in.results.Len())
		p.returned[in.key] = results
	}
	for i := range results {
		var t taint
		switch len(n.Results) {
		case 0:
			t = p.held[in.results.At(i)]
		case len(results):
			t = p.value(info, n.Results[i])
		default: // return f()
			t = p.result(info, n.Results[0], i)
		}
		after := results[i].join(t)
		if after.at != results[i].at || len(after.from) != len(results[i].from) {
			results[i], p.changed = after, true
		}
	}
}

// pass notes which parameters of the called functions receive a product.
func (p *products) pass(info *types.Info, in *types.Package, n *ast.CallExpr) {
	for _, c := range p.callees(info, n) {
		params := c.signature.Params()
		for i, a := range n.Args {
			if c.signature.Variadic() {
				i = min(i, params.Len()-1)
			}
			if i >= params.Len() {
				continue
			}
			s := p.origin(p.product(info, a))
			if s.made == 0 || p.received[params.At(i)].made != 0 {
				continue
			}
			if s.argument == 0 && params.At(i).Pkg() != in {
				s.argument = a.Pos()
			}
			p.received[params.At(i)], p.changed = s, true
		}
	}
}

// result is what result i of a call is.
func (p *products) result(info *types.Info, e ast.Expr, i int) taint {
	n, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return taint{}
	}
	var t taint
	for _, c := range p.callees(info, n) {
		results := p.returned[c.key]
		if i >= len(results) {
			continue
		}
		t.at = max(t.at, results[i].at)
		for _, v := range results[i].from {
			t = t.join(p.argument(info, n, c.signature, v))
		}
	}
	return t
}

// argument is what a call passes to a parameter; a variable that is none of its parameters, but of a function
// around the called literal, stays itself.
func (p *products) argument(info *types.Info, n *ast.CallExpr, s *types.Signature, v *types.Var) taint {
	for j := range s.Params().Len() {
		if s.Params().At(j) != v {
			continue
		}
		var t taint
		for i := j; i < len(n.Args) && (i == j || s.Variadic() && j == s.Params().Len()-1); i++ {
			t = t.join(p.value(info, n.Args[i]))
		}
		return t
	}
	return taint{from: []*types.Var{v}}
}

// literal gives the fields of a struct what a composite literal gives them.
func (p *products) literal(info *types.Info, n *ast.CompositeLit) {
	s, ok := under(info.TypeOf(n)).(*types.Struct)
	if !ok {
		return
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if name, ok := kv.Key.(*ast.Ident); ok {
				p.give(info.Uses[name], p.value(info, kv.Value))
			}
		} else if i < s.NumFields() {
			p.give(s.Field(i), p.value(info, e))
		}
	}
}

// value is what an expression is, or what its elements are.
func (p *products) value(info *types.Info, e ast.Expr) taint {
	return p.product(info, e).join(p.elements(info, e))
}

// product says how a floating-point expression may be a product that nothing has rounded yet.
func (p *products) product(info *types.Info, e ast.Expr) taint {
	t := info.Types[e]
	if t.Value != nil || !isFloat(t.Type) && !isComplex(t.Type) {
		return taint{}
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.BinaryExpr:
		if e.Op == token.MUL || e.Op == token.QUO && isPowerOfTwo(info.Types[e.Y].Value) {
			return taint{at: e.OpPos}
		}
	case *ast.UnaryExpr:
		return p.product(info, e.X)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr, *ast.StarExpr:
		return p.holds(root(info, e))
	case *ast.CallExpr:
		return p.result(info, e, 0)
	}
	return taint{}
}

// elements says how the elements of a slice, array or pointer may be products.
func (p *products) elements(info *types.Info, e ast.Expr) taint {
	switch e := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		var t taint
		switch under(info.TypeOf(e)).(type) {
		case *types.Slice, *types.Array:
			for _, x := range e.Elts {
				if kv, ok := x.(*ast.KeyValueExpr); ok {
					x = kv.Value
				}
				t = t.join(p.value(info, x))
			}
		}
		return t
	case *ast.SliceExpr:
		return p.elements(info, e.X)
	case *ast.UnaryExpr:
		if e.Op == token.AND {
			return p.holds(root(info, e.X))
		}
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		switch under(info.TypeOf(e)).(type) {
		case *types.Slice, *types.Array, *types.Pointer:
			return p.holds(root(info, e))
		}
	}
	return taint{}
}

func (p *products) holds(o types.Object) taint {
	if v, ok := o.(*types.Var); ok {
		return p.held[v.Origin()]
	}
	return taint{}
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
