package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/mcmc"
)

// Version is the release; a build by the release script sets it.
var Version = "development"

// revision is the commit the binary was built from, or nothing.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			commit = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = ", changed"
		}
	}
	if commit == "" {
		return ""
	}
	return " (" + commit + dirty + ")"
}

func versionLine() string {
	return fmt.Sprintf("infer %s%s, epoch %d, %s, %s/%s", Version, revision(), mcmc.Epoch, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func versionCommand(s *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and the epoch of reproducibility",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(s.out, versionLine())
			return err
		},
	}
}
