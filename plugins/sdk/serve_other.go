//go:build !unix

package sdk

import (
	"fmt"
	"os"
)

func logf(format string, arguments ...any) { fmt.Fprintf(os.Stderr, format+"\n", arguments...) }

// Serve says that there are no plug-ins on this system.
func Serve(p Plugin) {
	logf("%s is a plug-in of infer, which has none on this system: use Linux or macOS, or WSL on Windows", p.Name)
	os.Exit(2)
}
