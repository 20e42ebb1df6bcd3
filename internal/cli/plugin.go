package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/plugins/installed"
	"github.com/scorefield/infer/plugins/protocol"
	"github.com/scorefield/infer/plugins/python"
)

// pluginError gives an error the exit code of plug-ins.
func pluginError(err error) error {
	if err == nil {
		return nil
	}
	for _, disk := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EDQUOT, syscall.EIO} {
		if errors.Is(err, disk) {
			return data(err)
		}
	}
	return &codedError{exitPlugin, err}
}

// pluginDirHelp is what --plugin-dir says of itself wherever it stands.
const pluginDirHelp = "folder of plug-ins to look in first, before those of " + installed.Variable + " and of the user"

// places are the folders of plug-ins in the order in which they are searched.
func places(asked string) ([]string, error) {
	list, err := installed.Folders(asked)
	if err != nil {
		return nil, usage("%w", err)
	}
	return list, nil
}

// findPlugin finds an installed plug-in.
func findPlugin(folder, name string) (installed.Plugin, error) {
	list, err := places(folder)
	if err != nil {
		return installed.Plugin{}, err
	}
	if err := protocol.CheckName(name); err != nil {
		return installed.Plugin{}, usage("%w", err)
	}
	p, err := installed.Find(list, name)
	var unknown *installed.UnknownError
	if errors.As(err, &unknown) {
		return p, usage("%w: infer plugin list", err)
	}
	return p, pluginError(err)
}

// checkFree refuses names that a built-in has: what a name means does not change with what is installed.
func checkFree(name string) error {
	if slices.Contains(names(listDensities()), name) {
		return fmt.Errorf("the plug-in's name %q is that of a built-in density: choose another", name)
	}
	if slices.Contains(shipped.Names(), name) {
		return fmt.Errorf("the plug-in's name %q is that of a built-in model: choose another", name)
	}
	return nil
}

// pluginCommand is the group of commands about plug-ins.
func pluginCommand(s *streams) *cobra.Command {
	var folder string
	c := &cobra.Command{
		Use:   "plugin",
		Short: "Make, install, check and test plug-ins",
		Long: "plugin is about models that are programs of their own, in any language. An installed one is used by its name:\n" +
			"infer sample --density NAME, or --model NAME for a score. A plug-in is code that runs with your rights.",
		Example: "  infer plugin new python my-score\n  infer plugin install ./my-score\n  infer plugin test my-score\n  infer sample --model my-score",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return oneOf("command of infer plugin", args[0], pluginVerbs)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.PersistentFlags().StringVar(&folder, "plugin-dir", "", pluginDirHelp)
	c.AddCommand(pluginNew(s), pluginInstall(s, &folder), pluginList(s, &folder), pluginInfo(s, &folder), pluginTest(s, &folder), pluginBench(s, &folder),
		pluginVerify(s, &folder), pluginLock(s, &folder), pluginLogs(s, &folder), pluginRemove(s, &folder))
	return c
}

var pluginVerbs = []string{"new", "install", "list", "info", "test", "bench", "verify", "lock", "logs", "remove"}

// pluginName wants the name of one plug-in.
func pluginName(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("%s needs the name of one plug-in, and %d are given: infer plugin list", c.CommandPath(), len(args))
	}
	return nil
}

// pluginListed is a plug-in of a list.
type pluginListed struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"`
	Kinds   []string `json:"kinds,omitempty"`
	About   string   `json:"about,omitempty"`
	Folder  string   `json:"folder"`
	Fault   string   `json:"fault,omitempty"` // why it cannot be used
}

// listPlugins lists the installed plug-ins that can be read, of one kind or of all.
func listPlugins(list []string) []pluginListed {
	all := []pluginListed{}
	for _, l := range installed.List(list) {
		p := pluginListed{Name: l.Name, Version: l.Version, Kinds: l.Kinds, About: l.About, Folder: l.Folder()}
		if l.Err != nil {
			p.Fault = l.Err.Error()
		} else if err := checkFree(l.Name); err != nil {
			p.Fault = err.Error()
		}
		all = append(all, p)
	}
	return all
}

// pluginsFor are the installed plug-ins that stand in a table of infer list, where their names are used.
func pluginsFor(table string) []listed {
	kind := map[string]string{"densities": protocol.KindDensity, "models": protocol.KindScore}[table]
	places, err := installed.Folders("")
	if kind == "" || err != nil {
		return nil
	}
	var list []listed
	for _, p := range listPlugins(places) {
		if p.Fault == "" && slices.Contains(p.Kinds, kind) {
			list = append(list, listed{p.Name, strings.TrimPrefix(p.About+" (plug-in "+p.Version+")", " ")})
		}
	}
	return list
}

func pluginList(s *streams, folder *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the installed plug-ins",
		Example: "  infer plugin list",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			where, err := places(*folder)
			if err != nil {
				return err
			}
			list := listPlugins(where)
			if asJSON {
				return printJSON(s.out, list)
			}
			if len(list) == 0 {
				fmt.Fprintf(s.err, "infer: no plug-in is installed in %s\n", joined(where))
				return nil
			}
			w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
			for _, p := range list {
				about := p.About
				if p.Fault != "" {
					about = "UNUSABLE: " + p.Fault
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name, p.Version, joined(p.Kinds), about)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func pluginInstall(s *streams, folder *string) *cobra.Command {
	return &cobra.Command{
		Use:   "install PATH",
		Short: "Install a plug-in from a folder, a tar archive or a program",
		Long: "install copies a plug-in into the folder of plug-ins, whole or not at all, and records the SHA-256 of each of its files\n" +
			"in the lock file there: what changes later is refused. PATH is a folder with a plugin.toml, a tar archive of one (plain or\n" +
			"gzip), or a program, which is started once and asked what it is.",
		Example: "  infer plugin install ./my-score\n  infer plugin install my-score-1.0.tar.gz",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s needs one folder, archive or program, and %d are named", c.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			where, err := places(*folder)
			if err != nil {
				return err
			}
			path := args[0]
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				return data(fmt.Errorf("%s: there is no such folder or file", path))
			}
			source := installed.Source{Path: path, Lend: python.SDK(), Allow: func(m installed.Manifest) error { return checkFree(m.Name) }}
			if wrapped, done, err := programSource(c.Context(), path); err != nil {
				return pluginFailure(c.Context(), fmt.Errorf("%s is not installed: %w", path, err))
			} else if wrapped != "" {
				defer done()
				source.Path, source.Origin = wrapped, path
			}
			p, replaced, err := installed.Install(where[0], source)
			if errors.Is(err, fs.ErrPermission) {
				return data(fmt.Errorf("%s is not installed: %w", path, err))
			}
			if err != nil {
				return pluginError(fmt.Errorf("%s is not installed: %w", path, err))
			}
			verb := "installed " + p.Name + " " + p.Version
			if replaced != "" {
				verb += " in the place of " + replaced
			}
			fmt.Fprintf(s.out, "%s in %s\n", verb, p.Folder())
			if use := usageOf(p); use != "" {
				fmt.Fprintf(s.out, "use it:  infer sample %s\n", use)
			}
			fmt.Fprintf(s.out, "test it: infer plugin test %s\n", p.Name)
			if other, err := installed.Find(where, p.Name); err == nil && other.Place != p.Place {
				fmt.Fprintf(s.err, "infer: %s hides it\n", other.Folder())
			}
			return nil
		},
	}
}

// usageOf is how sample is told to use a plug-in, "" for a simulator, which programs use.
func usageOf(p installed.Plugin) string {
	if slices.Contains(p.Kinds, protocol.KindDensity) {
		return "--density " + p.Name
	}
	if slices.Contains(p.Kinds, protocol.KindScore) {
		return "--model " + p.Name
	}
	return ""
}

func pluginRemove(s *streams, folder *string) *cobra.Command {
	return &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove an installed plug-in",
		Example: "  infer plugin remove my-score",
		Args:    pluginName,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := findPluginFolder(*folder, args[0])
			if err != nil {
				return err
			}
			if err := installed.Remove(p); err != nil {
				return pluginError(err)
			}
			_, err = fmt.Fprintf(s.out, "removed %s from %s\n", p.Name, p.Place)
			return err
		},
	}
}

// findPluginFolder finds an installed plug-in whose manifest may be broken.
func findPluginFolder(folder, name string) (installed.Plugin, error) {
	p, err := findPlugin(folder, name)
	if err == nil || exitCode(err) == exitUsage {
		return p, err
	}
	where, failed := places(folder)
	if failed != nil {
		return p, failed
	}
	for _, l := range installed.List(where) {
		if l.Name == name {
			return l.Plugin, nil
		}
	}
	return p, err
}

// verified is what verify says of a plug-in.
type verified struct {
	Name     string            `json:"name"`
	Version  string            `json:"version"`
	Folder   string            `json:"folder"`
	SHA256   map[string]string `json:"sha256"`
	Unlisted []string          `json:"unlisted,omitempty"` // in the folder, and never used
	Faults   []string          `json:"faults"`
}

func pluginVerify(s *streams, folder *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify [NAME]",
		Short: "Compare the files of plug-ins with the lock file",
		Long:  "verify reads every file of a plug-in, or of all, and compares its SHA-256 with that in the lock file. It starts nothing.",
		Example: "  infer plugin verify\n" +
			"  infer plugin verify my-score",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return pluginName(c, args)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			where, err := places(*folder)
			if err != nil {
				return err
			}
			var all []installed.Listed
			if len(args) == 1 {
				p, err := findPlugin(*folder, args[0])
				if err != nil {
					return err
				}
				all = []installed.Listed{{Plugin: p}}
			} else {
				all = installed.List(where)
			}
			list := []verified{}
			failed := 0
			for _, l := range all {
				v := verify(l)
				failed += min(1, len(v.Faults))
				list = append(list, v)
			}
			if asJSON {
				err = printJSON(s.out, list)
			} else {
				err = printVerified(s, list)
			}
			if err == nil && failed > 0 {
				err = pluginError(fmt.Errorf("%d of %d plug-ins are not what was installed", failed, len(list)))
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func verify(l installed.Listed) verified {
	v := verified{Name: l.Name, Version: l.Version, Folder: l.Folder(), Faults: []string{}}
	if l.Err != nil {
		if _, err := installed.Find([]string{l.Place}, l.Name); err != nil {
			l.Err = err // with the sums
		}
		v.Faults = append(v.Faults, l.Err.Error())
		return v
	}
	sums, faults, err := l.Check()
	if err != nil {
		faults = append(faults, err)
	}
	for _, f := range faults {
		v.Faults = append(v.Faults, f.Error())
	}
	v.SHA256, v.Unlisted = sums, l.Unlisted()
	return v
}

func printVerified(s *streams, list []verified) error {
	for _, v := range list {
		if len(v.Faults) == 0 {
			fmt.Fprintf(s.out, "%s %s: all %d files are as installed\n", v.Name, v.Version, len(v.SHA256))
		}
		for _, f := range v.Faults {
			fmt.Fprintf(s.out, "%s: FAULT: %s\n", v.Name, f)
		}
		if len(v.Unlisted) > 0 {
			fmt.Fprintf(s.out, "%s: also there, listed nowhere and never used: %s\n", v.Name, joined(v.Unlisted))
		}
	}
	return nil
}

func pluginLock(s *streams, folder *string) *cobra.Command {
	var update string
	var asJSON bool
	c := &cobra.Command{
		Use:   "lock",
		Short: "Print the lock file, or accept a plug-in as it is now",
		Long: "lock prints what the lock files know: name, version, platform, the SHA-256 of each file and where it came from. With\n" +
			"--update NAME it records the files of a plug-in as they are now: after a change that you made, or have understood.",
		Example: "  infer plugin lock\n  infer plugin lock --update my-score",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if update != "" {
				return updateLock(s, *folder, update)
			}
			where, err := places(*folder)
			if err != nil {
				return err
			}
			entries := []installed.Entry{}
			for _, place := range where {
				l, err := installed.ReadLock(place)
				if err != nil {
					return pluginError(err)
				}
				entries = append(entries, l.Plugins...)
			}
			if asJSON {
				return printJSON(s.out, entries)
			}
			for _, e := range entries {
				fmt.Fprintf(s.out, "%s %s %s from %s\n", e.Name, e.Version, e.Platform, e.Source)
				for _, name := range sortedKeys(e.SHA256) {
					fmt.Fprintf(s.out, "  %s  %s\n", e.SHA256[name], name)
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&update, "update", "", "the plug-in whose files are accepted as they are now")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func updateLock(s *streams, folder, name string) error {
	p, err := findPlugin(folder, name)
	if err != nil {
		return err
	}
	if err := checkFree(p.Name); err != nil {
		return pluginError(err)
	}
	changed, err := installed.Update(p)
	if err != nil {
		return pluginError(err)
	}
	if len(changed) == 0 {
		fmt.Fprintf(s.out, "%s %s is as it was recorded: nothing to accept\n", p.Name, p.Version)
		return nil
	}
	fmt.Fprintf(s.out, "accepted %s %s: %s\n", p.Name, p.Version, joined(changed))
	return nil
}
