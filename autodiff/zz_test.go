package autodiff
import "testing"
func TestZZ(t *testing.T){
		g := NewGraph()
		m := perceptron(g, Value.ReLU, 2, 32, 32, 32, 2)
		inputs := []Value{m.x, m.z}
		outputs := append([]Value{m.loss}, mustGradient(t, m.loss, m.params...)...)
		t.Log(mustCompileRows(t, outputs, inputs, m.params))
		t.Log(mustCompileRows(t, []Value{m.score}, inputs[:1], m.params))
}
