package cli

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the messages that commands give into testdata/messages.txt")

// Every line of testdata/messages.txt that begins with $ is a command line; what follows is its exit code and its message.
func TestMessages(t *testing.T) {
	text, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"XDG_DATA_HOME", "XDG_STATE_HOME"} {
		t.Setenv(name, "/nowhere") // what is installed here changes no message
	}
	t.Setenv("INFER_PLUGIN_PATH", "")
	var now strings.Builder
	count := 0
	for _, entry := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		line, _, _ := strings.Cut(entry, "\n")
		args, ok := strings.CutPrefix(line, "$ infer ")
		if !ok {
			t.Fatalf("%q is no command line", line)
		}
		count++
		r := infer(t, fields(args)...)
		message := strings.ReplaceAll(strings.TrimRight(r.err, "\n"), filepath.Clean(os.TempDir()), "TMP")
		now.WriteString(line + "\n" + "exits " + number(float64(r.code)) + "\n" + message + "\n\n")
	}
	if count < 40 {
		t.Errorf("only %d command lines", count)
	}
	if *update {
		if err := os.WriteFile("testdata/messages.txt", []byte(now.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, want := now.String(), string(text); got != want {
		a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
		for i := range a {
			if i >= len(b) || a[i] != b[i] {
				t.Fatalf("line %d of messages.txt is\n%s\nand the command says\n%s\n(go test -update, then read the difference)", i+1, append(b, "")[min(i, len(b))], a[i])
			}
		}
	}
}

// fields splits a command line as a shell does with single quotes.
func fields(line string) []string {
	var list []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part) // quoted, perhaps empty
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}
