package spelling

import (
	"fmt"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"donut", "langevin", "mala", "normal"}
	for name, want := range map[string]string{
		"dont": "donut", "dnout": "donut", "Donut": "donut", "langvin": "langevin", "mla": "mala", "nomral": "normal",
		"hamiltonian": "", "": "", "xyz": "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func ExampleNearest() {
	fmt.Println(Nearest("langvin", []string{"langevin", "mala"}))
	// Output: langevin
}
