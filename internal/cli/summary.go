package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/density"
	"github.com/scorefield/infer/draws"
	"github.com/scorefield/infer/internal/figure"
	"github.com/scorefield/infer/internal/spelling"
)

// readDraws reads a file of draws, and the settings it was made with where it holds them.
func readDraws(path string) (draws.Table, *settings, error) {
	t, err := draws.Read(path, draws.Options{AllowNonFinite: true})
	if errors.Is(err, os.ErrNotExist) {
		return t, nil, data(fmt.Errorf("%s: there is no such file", path))
	}
	if err != nil {
		return t, nil, data(err)
	}
	if t.Meta == nil {
		return t, nil, nil
	}
	set, err := decodeSettings(t.Meta)
	if err != nil {
		return t, nil, data(fmt.Errorf("%s: %w", path, err))
	}
	return t, &set, nil
}

func summaryCommand(s *streams) *cobra.Command {
	var asJSON bool
	var figurePath string
	c := &cobra.Command{
		Use:     "summary FILE",
		Short:   "Summarise a file of draws, whoever made it",
		Long:    "summary prints mean, sd and quantiles of each column of a file of draws: .npz, .npy or .csv.",
		Example: "  infer summary draws.npz\n  infer summary draws.csv --json\n  infer summary draws.npz --plot draws.png",
		Args:    oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			if isPNG(args[0]) {
				return usage("%s is a picture of draws: summarise the draws themselves, of -o FILE.npz", args[0])
			}
			t, set, err := readDraws(args[0])
			if err != nil && t.Points == nil {
				return err
			}
			images := set != nil && set.isImages() && set.Shape[0]*set.Shape[1] == t.Points.Dim()
			if figurePath != "" && images {
				if !isPNG(figurePath) {
					return usage("--plot %s: images are drawn as .png", figurePath)
				}
				if err := writeSheet(figurePath, set.sheet(t.Points), pngRecord{*set, pointsHash(t.Points)}); err != nil {
					return err
				}
			} else if figurePath != "" {
				var under density.Density
				heading := args[0]
				if set != nil {
					heading = title(*set)
					if set.Model == "" {
						if d, err := target(*set); err == nil && d.Dim() == t.Points.Dim() {
							under = d
						}
					}
				}
				if err := plot(c.Context(), figurePath, heading, t, under); err != nil {
					return err
				}
			}
			out := summary{Schema: 1, Draws: t.Points.Len(), Dim: t.Points.Dim(), Columns: []column{}}
			if images {
				out.Images = summariseImages(t.Points, *set)
			} else {
				out = summarise(t, nil)
			}
			if asJSON {
				return printJSON(s.out, out)
			}
			var b bytes.Buffer
			fmt.Fprintf(&b, "%s: %s of dimension %d\n", args[0], spelling.Counted(out.Draws, "draw"), out.Dim)
			if set != nil {
				fmt.Fprintf(&b, "%s\n", title(*set))
			}
			fmt.Fprintln(&b)
			if images {
				if err := set.sheet(t.Points).WriteTerminal(&b, s.terminal.screen()); err != nil {
					return err
				}
				fmt.Fprintln(&b)
				out.Images.print(printer(&b), nil)
			} else {
				if err := figure.Terminal(&b, t.Points, t.Names, s.terminal.screen()); err != nil {
					return err
				}
				fmt.Fprintln(&b)
				if err := out.table(&b); err != nil {
					return err
				}
			}
			_, err = s.out.Write(b.Bytes())
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&figurePath, "plot", "", "write a figure: .png, .svg or .pdf")
	return c
}

func rerunCommand(s *streams) *cobra.Command {
	var e effort
	var p pluginFlags
	c := &cobra.Command{
		Use:   "rerun FILE",
		Short: "Repeat the run that made a file of draws",
		Long: "rerun repeats the run that a file of draws says it came from, and compares the draws bit for bit. The file itself is\n" +
			"left alone; -o writes the new draws.",
		Example: "  infer rerun draws.npz\n  infer rerun draws.npz -o again.npz",
		Args:    oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			var set *settings
			if isPNG(args[0]) {
				r, err := readRecord(args[0])
				if err != nil {
					return err
				}
				e.comparePicture, set = r, &r.Settings
			} else {
				old, its, err := readDraws(args[0])
				if err != nil {
					return err
				}
				if its == nil {
					return data(fmt.Errorf("%s does not say how it was made: .npz and .csv files of infer sample do", args[0]))
				}
				e.compare, set = &old, its
			}
			if err := checkOutputs(&e); err != nil {
				return err
			}
			if e.output != "" && same(e.output, args[0]) {
				return usage("-o %s is the file whose run is repeated: choose another name", e.output)
			}
			fmt.Fprintf(s.err, "infer: %s\n", shell(set.arguments()))
			set.plugins = p
			g, err := aimAt(c.Context(), s, set)
			if err != nil {
				return err
			}
			defer g.close()
			if err := checkPictures(*set, e); err != nil {
				return err
			}
			return sample(c.Context(), s, *set, e, g)
		},
	}
	c.Flags().StringVarP(&e.output, "output", "o", "", "write the draws: .npz, .npy or .csv; images also .png")
	c.Flags().StringVar(&e.plot, "plot", "", "write a figure: .png, .svg or .pdf")
	c.Flags().BoolVar(&e.json, "json", false, "print the summary as JSON")
	c.Flags().StringVar(&p.dir, "plugin-dir", "", pluginDirHelp)
	c.Flags().DurationVar(&p.timeout, "plugin-timeout", 0, "time that a plug-in has to answer a call (default 1m0s)")
	c.Flags().BoolVar(&e.strict, "strict", false, "exit with 3 when the diagnostics fail")
	c.Flags().IntVar(&e.workers, "workers", 0, "worker threads (default: as many as there are cores); never changes a draw")
	return c
}

func same(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// difference says where two tables of draws differ first, or nothing.
func difference(old, now draws.Table) error {
	if old.Points.Len() != now.Points.Len() || old.Points.Dim() != now.Points.Dim() {
		return fmt.Errorf("the file has %d draws of dimension %d, the run gave %d of %d", old.Points.Len(), old.Points.Dim(), now.Points.Len(), now.Points.Dim())
	}
	if pointsHash(old.Points) == pointsHash(now.Points) {
		return nil
	}
	for i := range old.Points.Len() {
		for j := range old.Points.Dim() {
			if a, b := old.Points.Row(j)[i], now.Points.Row(j)[i]; a != b {
				return fmt.Errorf("draw %d, coordinate %d is %s in the file and %s now: the file was changed, or one of two machines computes wrongly", i, j, number(a), number(b))
			}
		}
	}
	return errors.New("the draws differ in the sign of a zero")
}
