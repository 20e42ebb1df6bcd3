// Command infer-plugin-bridgestan makes a plug-in of a Stan program that BridgeStan has compiled. See docs/plugins.md.
//
//	infer-plugin-bridgestan MODEL.so [DATA.json]                           serve the model to infer
//	infer-plugin-bridgestan info MODEL.so [DATA.json]                      say what it is
//	infer-plugin-bridgestan constrain MODEL.so DATA.json DRAWS.npz OUT.npz from unconstrained to declared parameters
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/lanes"
	"github.com/scorefield/infer/plugins/bridgestan"
	"github.com/scorefield/infer/plugins/sdk"
)

const usage = `usage:
  infer-plugin-bridgestan MODEL.so [DATA.json]                            serve the model to infer, which starts this program
  infer-plugin-bridgestan info MODEL.so [DATA.json]                       say what the model is
  infer-plugin-bridgestan constrain MODEL.so DATA.json DRAWS.npz OUT.npz  draws of infer to the parameters that the program declares
`

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "infer-plugin-bridgestan: %v\n", err)
		code := 1
		if errors.Is(err, errUsage) {
			fmt.Fprint(os.Stderr, usage)
			code = 2
		}
		os.Exit(code)
	}
}

var errUsage = errors.New("the arguments are none of those below")

func run(args []string, out io.Writer) error {
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			if a == "--help" || a == "-h" {
				_, err := io.WriteString(out, usage)
				return err
			}
			return errUsage
		}
	}
	switch {
	case len(args) == 5 && args[0] == "constrain":
		return constrain(args[1], args[2], args[3], args[4])
	case (len(args) == 2 || len(args) == 3) && args[0] == "info":
		return info(args[1:], out)
	case (len(args) == 1 || len(args) == 2) && args[0] != "info" && args[0] != "constrain":
		return serve(args)
	}
	return errUsage
}

func open(args []string) (*bridgestan.Model, error) {
	options := bridgestan.Options{Log: os.Stderr}
	if len(args) > 1 {
		options.Data = args[1]
	}
	return bridgestan.Open(args[0], options)
}

// batch is the points of a call: a Stan program takes from a microsecond to a millisecond for one.
const batch = 1024

func serve(args []string) error {
	m, err := open(args)
	if err != nil {
		return err
	}
	defer m.Close()
	name := nameOf(args[0])
	sdk.Serve(sdk.Plugin{
		Name: name, Version: m.Version(), Build: "BridgeStan " + m.Version(),
		Models: []sdk.Model{{Name: name, Density: m, Names: m.Names(), PreferredBatch: batch}},
	})
	return nil
}

// nameOf is what a plug-in of a library is called: the library's name in small letters, without _model.so.
func nameOf(library string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(library), ".so"), "_model")
	name = regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-")
	if name = strings.Trim(name, "-"); name == "" {
		return "stan"
	}
	return name[:min(len(name), 64)]
}

func info(args []string, out io.Writer) error {
	m, err := open(args)
	if err != nil {
		return err
	}
	defer m.Close()
	threads := "one point at a time; compile with STAN_THREADS=true for every core"
	if m.Threads() {
		threads = "every core"
	}
	_, err = fmt.Fprintf(out, "program        %s\nBridgeStan     %s\nworks on       %s\nunconstrained  %d: %s\ndeclared       %s\n",
		m.Name(), m.Version(), threads, m.Dim(), strings.Join(m.Names(), ", "), strings.Join(m.ConstrainedNames(false), ", "))
	return err
}

// constrain reads draws of the unconstrained parameters and writes them as the parameters that the program declares, with its
// transformed parameters.
func constrain(library, data, from, to string) error {
	m, err := open([]string{library, data})
	if err != nil {
		return err
	}
	defer m.Close()
	table, err := draws.Read(from, draws.Options{})
	if err != nil {
		return err
	}
	if table.Points.Dim() != m.Dim() {
		return fmt.Errorf("%s has points of dimension %d, and the model has %d unconstrained parameters (%s): take draws of this model",
			from, table.Points.Dim(), m.Dim(), strings.Join(m.Names(), ", "))
	}
	names := m.ConstrainedNames(true)
	points := lanes.New(table.Points.Len(), len(names))
	if err := m.Constrain(context.Background(), points, table.Points, true); err != nil {
		return err
	}
	table.Points, table.Names, table.LogProb = points, names, nil // log p is that of the unconstrained parameters
	return draws.Write(to, table)
}
