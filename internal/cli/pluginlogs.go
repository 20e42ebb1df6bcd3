package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/scorefield/infer/plugins/installed"
	"github.com/scorefield/infer/plugins/protocol"
)

// What is kept of a plug-in's log: bytes of one run, and of the file before it is set aside as the previous one.
const (
	mostLog    = 8 << 20
	longestLog = 8 << 20
)

// logPath is the log file of a plug-in, "" where there is no folder for it.
func logPath(name string) string {
	folder := installed.LogFolder()
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, name+".log")
}

// pluginLog writes what a plug-in says to its log file. It never fails: a log is no reason to stop a run.
type pluginLog struct {
	lock sync.Mutex
	file *os.File // nil where there is none
	left int
}

// openLog opens the log of a plug-in for a run.
func openLog(name string) *pluginLog {
	l := &pluginLog{left: mostLog}
	path := logPath(name)
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return l
	}
	if info, err := os.Stat(path); err == nil && info.Size() > longestLog {
		os.Rename(path, path+".1")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return l
	}
	l.file = f
	fmt.Fprintf(f, "--- %s, process %d of infer %s\n", time.Now().Format(time.RFC3339), os.Getpid(), Version)
	return l
}

func (l *pluginLog) Write(text []byte) (int, error) {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.file == nil {
		return len(text), nil
	}
	part := text[:min(len(text), l.left)]
	if _, err := l.file.Write(part); err != nil {
		l.file.Close()
		l.file = nil
		return len(text), nil
	}
	if l.left -= len(part); l.left == 0 && len(part) < len(text) {
		fmt.Fprintf(l.file, "\n--- the rest of this run is left out: a run's log is kept up to %d MiB\n", mostLog>>20)
		l.file.Close()
		l.file = nil
	}
	return len(text), nil
}

func (l *pluginLog) Close() error {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

func pluginLogs(s *streams, _ *string) *cobra.Command {
	var lines int
	c := &cobra.Command{
		Use:     "logs NAME",
		Short:   "Print what a plug-in has said",
		Long:    "logs prints the end of what a plug-in wrote to its standard output and error, in this run or an earlier one.",
		Example: "  infer plugin logs my-score",
		Args:    pluginName,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := protocol.CheckName(args[0]); err != nil {
				return usage("%w", err)
			}
			if lines < 1 {
				return usage("--lines %d: at least 1", lines)
			}
			path := logPath(args[0])
			if path == "" {
				return pluginError(errors.New("there is no folder for logs: HOME is not set"))
			}
			text, err := tail(path, lines)
			if errors.Is(err, fs.ErrNotExist) {
				return pluginError(fmt.Errorf("there is no log of a plug-in %q: it has not run yet", args[0]))
			}
			if err != nil {
				return pluginError(err)
			}
			_, err = s.out.Write(printable(text))
			return err
		},
	}
	c.Flags().IntVar(&lines, "lines", 100, "lines to print, from the end")
	return c
}

// tail is the last lines of a file.
func tail(path string, lines int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 4 << 20
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return nil, err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, err
	}
	at := len(bytes.TrimRight(text, "\n"))
	for ; lines > 0 && at >= 0; lines-- {
		at = bytes.LastIndexByte(text[:at], '\n')
	}
	return text[at+1:], nil
}

// printable takes out of a log what would move the reader's cursor or change colours.
func printable(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, text)
}

func joined(list []string) string { return strings.Join(list, ", ") }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
