package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/plugins/python"
)

// starter holds the files of a new plug-in in Go, with the suffix .txt so that nothing takes them for files of this project.
//
//go:embed starter
var starter embed.FS

const (
	languagePython = "python"
	languageGo     = "go"
)

// modulePath is that of this project as plug-ins in Go import it.
const modulePath = "github.com/scorefield/infer"

func pluginNew(s *streams) *cobra.Command {
	languages := []string{languagePython, languageGo}
	return &cobra.Command{
		Use:   "new python|go NAME",
		Short: "Write a working plug-in with its test",
		Long: "new makes a folder NAME with a plug-in that works: a density and a score to replace, a test and a manifest. One in Python\n" +
			"needs numpy and nothing else; the SDK is put beside it.",
		Example:   "  infer plugin new python my-score\n  infer plugin new go my-density",
		ValidArgs: languages,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				if err := oneOf("language", args[0], languages); err != nil {
					return err
				}
			}
			if len(args) != 2 {
				return usage("%s needs a language, python or go, and a name", c.CommandPath())
			}
			if err := protocol.CheckName(args[1]); err != nil {
				return usage("%w", err)
			}
			if err := checkFree(args[1]); err != nil {
				return usage("%w", err)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			files, steps, err := newPlugin(args[0], args[1])
			if err != nil {
				return err
			}
			if err := writeNew(args[1], files); err != nil {
				return data(err)
			}
			fmt.Fprintf(s.out, "wrote %s: %s\nthen:\n  cd %s\n", args[1], joined(slices.Sorted(maps.Keys(files))), args[1])
			for _, step := range steps {
				fmt.Fprintf(s.out, "  %s\n", step)
			}
			return nil
		},
	}
}

// newPlugin is the files of a new plug-in by path, and the commands that come next.
func newPlugin(language, name string) (files map[string][]byte, steps []string, err error) {
	rest := []string{"infer plugin test --plugin-dev .", "infer plugin install .", "infer sample --density " + name, "infer sample --model " + name}
	if language == languagePython {
		files, err = python.New(name)
		return files, append([]string{"python3 test_model.py"}, rest...), err
	}
	module, need := goModule(name)
	files = map[string][]byte{"go.mod": module.mod}
	if module.sum != nil {
		files["go.sum"] = module.sum
	}
	entries, err := starter.ReadDir("starter")
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		text, err := starter.ReadFile("starter/" + e.Name())
		if err != nil {
			return nil, nil, err
		}
		files[strings.TrimSuffix(e.Name(), ".txt")] = []byte(strings.ReplaceAll(string(text), "NAME", name))
	}
	return files, append(append(need, "go test", "go build"), rest...), nil
}

// writeNew writes the files of a plug-in into a folder that is not there yet, or none of them.
func writeNew(folder string, files map[string][]byte) (err error) {
	if err := os.Mkdir(folder, 0o755); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already: choose another name, or remove it", folder)
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(folder))
		}
	}()
	for path, text := range files {
		target := filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// module is the module files of a plug-in in Go.
type module struct{ mod, sum []byte }

// goModule makes the module of a plug-in. A released infer requires its own version of the library, which the first command
// then fetches. One that was built from a checkout names that checkout in a replace line, with the versions of its modules, so
// that nothing has to be fetched.
func goModule(name string) (m module, need []string) {
	head := fmt.Sprintf("module %s\n\ngo %s\n\n", name, goVersion)
	if checkout := checkoutFolder(); checkout != "" {
		theirs, err1 := os.ReadFile(filepath.Join(checkout, "go.mod"))
		sum, err2 := os.ReadFile(filepath.Join(checkout, "go.sum"))
		if err1 == nil && err2 == nil {
			var b strings.Builder
			b.WriteString(head)
			fmt.Fprintf(&b, "require %s v0.0.0\n\nreplace %s => %s\n", modulePath, modulePath, goModPath(checkout))
			for _, block := range strings.Split(string(theirs), "require (")[1:] {
				block, _, _ := strings.Cut(block, ")")
				fmt.Fprintf(&b, "\nrequire (%s)\n", block)
			}
			return module{[]byte(b.String()), sum}, nil
		}
	}
	if Version == "development" {
		return module{[]byte(head), nil}, []string{"go get " + modulePath + "@latest"}
	}
	version := Version
	if !strings.HasPrefix(version, "v") {
		version = "v" + version
	}
	return module{[]byte(head + fmt.Sprintf("require %s %s\n", modulePath, version)), nil}, []string{"go mod tidy"}
}

// goModPath quotes a path where go.mod needs it.
func goModPath(path string) string {
	if strings.ContainsAny(path, " \"'`()[]{},") {
		return fmt.Sprintf("%q", path)
	}
	return path
}

// goVersion is the version of Go that this project, and so a plug-in that imports it, asks for.
const goVersion = "1.26.0"

// checkoutFolder is the folder of the source this binary was built from, where that is a checkout on this machine, or "".
func checkoutFolder() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Path != modulePath && info.Main.Path != "" {
		return "" // it was built as a part of something else
	}
	_, file, _, ok := runtime.Caller(0)
	if !ok || !filepath.IsAbs(file) {
		return "" // built with -trimpath, as releases are
	}
	folder := filepath.Dir(filepath.Dir(filepath.Dir(file)))
	text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil || !strings.HasPrefix(string(text), "module "+modulePath+"\n") || strings.Contains(folder, "@v") {
		return ""
	}
	return folder
}
