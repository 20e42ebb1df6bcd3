package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/backends"
	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/score/train"
)

// listed is a name and a line about it.
type listed struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

func listDensities() []listed {
	var list []listed
	for _, e := range density.Catalogue() {
		list = append(list, listed{e.Name, e.Description})
	}
	return list
}

func listModels() []listed {
	list := []listed{} // JSON has a list where there is none
	for _, name := range shipped.Names() {
		m, err := shipped.Model(name)
		if err != nil {
			list = append(list, listed{name, err.Error()})
			continue
		}
		about := m.Info().About
		if isImages(m) {
			about = fmt.Sprintf("images of %d x %d pixels: %s", m.Info().Shape[0], m.Info().Shape[1], about)
		}
		if n := m.GivenSize(); n > 0 {
			about += fmt.Sprintf("; %d classes", n)
		}
		list = append(list, listed{name, fmt.Sprintf("%s; sampled by %s", about, defaultSampler(m))})
	}
	return list
}

func listRecipes() []listed {
	var list []listed
	for _, r := range train.Recipes() {
		list = append(list, listed{r.Name, r.About})
	}
	return append(list, listed{recipeClassifier, "a ruler for infer eval, of images with labels"})
}

func listBackends() []listed {
	about := map[string]string{"avx512": "assembly for AVX-512", "avx2": "assembly for AVX2 and FMA", "generic": "portable Go, the specification of the others"}
	var list []listed
	for _, t := range backends.Available() {
		line := about[t.Name]
		if t == backends.Current() {
			line += " (in use)"
		}
		list = append(list, listed{t.Name, line})
	}
	return list
}

func names(list []listed) []string {
	var names []string
	for _, l := range list {
		names = append(names, l.Name)
	}
	return names
}

func listCommand(s *streams) *cobra.Command {
	tables := []string{"densities", "models", "recipes", "samplers", "backends"}
	var asJSON bool
	c := &cobra.Command{
		Use:       "list densities|models|recipes|samplers|backends",
		Short:     "List what there is by name",
		Example:   "  infer list densities",
		ValidArgs: tables,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("list what? One of densities, models, recipes, samplers and backends")
			}
			if err := oneOf("list", args[0], tables); err != nil {
				return err
			}
			list := map[string]func() []listed{"densities": listDensities, "models": listModels, "recipes": listRecipes, "samplers": func() []listed { return samplers }, "backends": listBackends}[args[0]]()
			list = append(list, pluginsFor(args[0])...)
			if asJSON {
				return printJSON(s.out, list)
			}
			w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			for _, l := range list {
				fmt.Fprintf(w, "%s\t%s\n", l.Name, l.About)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
