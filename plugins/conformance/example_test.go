//go:build unix

package conformance_test

import (
	"fmt"
	"strings"

	"github.com/scorefield/infer/plugins/conformance"
)

func ExampleChecks() {
	for _, c := range conformance.Checks() {
		if strings.HasPrefix(c.Name, "gradient-") {
			fmt.Println(c.Name+":", c.Judges)
		}
	}
	// Output:
	// gradient-alone: the gradient alone equals the one asked for with log p
	// gradient-differences: the gradient is that of log p, by central differences
}
