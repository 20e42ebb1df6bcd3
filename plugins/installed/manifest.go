package installed

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/scorefield/infer/internal/spelling"
	"github.com/scorefield/infer/plugins/protocol"
)

const (
	// ManifestFile is the name of a plug-in's manifest in its folder.
	ManifestFile = "plugin.toml"
	// Protocol is the protocol that this version speaks with plug-ins.
	Protocol = "infer.plugin.v1"

	// longestManifest and mostFiles bound what is read of a manifest.
	longestManifest = 64 << 10
	mostFiles       = 1024
)

// Transports by which a plug-in is spoken to.
const (
	TransportGRPC   = "grpc"
	TransportFrames = "frames"
)

// Manifest is what a plug-in's plugin.toml says:
//
//	name = "my-score"
//	version = "0.1.0"
//	protocol = "infer.plugin.v1"
//	kinds = ["score"]
//	command = ["python3", "my_score.py"]
//	transport = "frames"
//	start_timeout = "60s"
//
//	[files]
//	"my_score.py" = ""
//	"infer_plugin.py" = "SHA-256 in hexadecimal, or nothing: it is recorded at installation"
type Manifest struct {
	Name     string
	Version  string
	Protocol string
	About    string // a line for people; may be empty
	Kinds    []string
	// Command starts the plug-in, in its folder. Its first word is one of Files or a program on PATH, such as python3.
	Command []string
	// Transport is "grpc", or "frames" for plug-ins of the Python SDK; empty: whichever it begins with.
	Transport string
	// StartTimeout is how long it may take until it answers, 0 for the transport's default.
	StartTimeout time.Duration
	// Build is the command that makes the files that its author has to build, for a message; may be empty.
	Build string
	// Files are all files of the plug-in below its folder, besides the manifest, with their SHA-256 or "".
	Files map[string]string
}

// Paths lists the files in order, the manifest last.
func (m Manifest) Paths() []string {
	return append(slices.Sorted(maps.Keys(m.Files)), ManifestFile)
}

// manifestText is a manifest as TOML.
type manifestText struct {
	Name         string         `toml:"name"`
	Version      string         `toml:"version"`
	Protocol     string         `toml:"protocol"`
	About        string         `toml:"about,omitempty"`
	Kinds        []string       `toml:"kinds"`
	Command      []string       `toml:"command"`
	Transport    string         `toml:"transport,omitempty"`
	StartTimeout string         `toml:"start_timeout,omitempty"`
	Build        string         `toml:"build,omitempty"`
	Files        map[string]any `toml:"files"`
}

var manifestKeys = []string{"name", "version", "protocol", "about", "kinds", "command", "transport", "start_timeout", "build", "files"}

// Text is the manifest as TOML, as [ParseManifest] reads it.
func (m Manifest) Text() []byte {
	t := manifestText{Name: m.Name, Version: m.Version, Protocol: m.Protocol, About: m.About, Kinds: m.Kinds, Command: m.Command, Transport: m.Transport, Build: m.Build, Files: map[string]any{}}
	if m.StartTimeout > 0 {
		t.StartTimeout = m.StartTimeout.String()
	}
	for name, sum := range m.Files {
		t.Files[name] = sum
	}
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(t); err != nil {
		panic(err) // texts always have a form
	}
	return b.Bytes()
}

// ParseManifest reads a manifest strictly: an unknown key, a missing one or a path that leaves the folder is an error.
func ParseManifest(text []byte) (Manifest, error) {
	fail := func(format string, args ...any) (Manifest, error) {
		return Manifest{}, fmt.Errorf(ManifestFile+": "+format, args...)
	}
	if len(text) > longestManifest {
		return fail("%d bytes: at most %d", len(text), longestManifest)
	}
	var t manifestText
	meta, err := toml.Decode(string(text), &t)
	if err != nil {
		var parse toml.ParseError
		if found := otherTypeRule.FindStringSubmatch(err.Error()); found != nil {
			return fail("line %s: %s is of another type: %s is wanted", found[1], found[2], wantedType(found[2]))
		}
		if errors.As(err, &parse) {
			return fail("line %d: %s", parse.Position.Line, parse.Message)
		}
		return fail("%s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	if meta.IsDefined("files") && meta.Type("files") != "Hash" {
		return fail("files is of another type: %s is wanted", wantedType("files"))
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		key := unknown[0]
		if key[0] == "files" && len(key) > 2 {
			return fail("files: quote the whole name, as in \"my_score.py\" = \"\"")
		}
		if near := spelling.Nearest(key[0], manifestKeys); near != "" && near != key[0] {
			return fail("unknown key %q; did you mean %q?", key.String(), near)
		}
		return fail("unknown key %q; there are %s", key.String(), strings.Join(manifestKeys, ", "))
	}
	for _, key := range []string{"name", "version", "protocol", "kinds", "command"} {
		if !meta.IsDefined(key) {
			return fail("%s is missing", key)
		}
	}
	m := Manifest{Name: t.Name, Version: t.Version, Protocol: t.Protocol, About: t.About, Kinds: t.Kinds, Command: t.Command, Transport: t.Transport, Build: t.Build}
	m.Files = make(map[string]string, len(t.Files))
	for name, sum := range t.Files {
		text, ok := sum.(string)
		if !ok {
			return fail("files: %s is no text: quote the whole name, as in \"my_score.py\" = \"\"", name)
		}
		m.Files[name] = text
	}
	if t.StartTimeout != "" {
		m.StartTimeout, err = time.ParseDuration(t.StartTimeout)
		if err != nil || m.StartTimeout <= 0 || m.StartTimeout > time.Hour {
			return fail("start_timeout = %q: a duration like \"60s\", at most an hour, is wanted", t.StartTimeout)
		}
	}
	if err := m.check(); err != nil {
		return fail("%w", err)
	}
	return m, nil
}

// otherTypeRule is how package toml says that a value has another type than its key.
var otherTypeRule = regexp.MustCompile(`^toml: line (\d+) \(last key "([^"]*)"\): incompatible types`)

// wantedType says how the value of a key is written.
func wantedType(key string) string {
	switch key {
	case "kinds":
		return `a list like ["density", "score"]`
	case "command":
		return `a list of words like ["python3", "model.py"]`
	case "files":
		return `a table of names, [files] and below it "model.py" = ""`
	case "start_timeout":
		return `a duration in quotes like "60s"`
	}
	return "a text in quotes"
}

func (m Manifest) check() error {
	if err := protocol.CheckName(m.Name); err != nil {
		return err
	}
	if err := plainText("version", m.Version, 64); err != nil {
		return err
	}
	if m.Version == "" || strings.ContainsAny(m.Version, " /\\") {
		return fmt.Errorf("version = %q: a word like \"0.1.0\" is wanted", m.Version)
	}
	if m.Protocol != Protocol {
		side := "update infer"
		if m.Protocol < Protocol {
			side = "update the plug-in"
		}
		return fmt.Errorf("protocol = %q, and this infer speaks %q: %s", m.Protocol, Protocol, side)
	}
	if len(m.Kinds) == 0 {
		return errors.New("kinds is empty: name one or more of density, score, simulator")
	}
	for i, kind := range m.Kinds {
		if err := oneOf("kinds", kind, protocol.KindDensity, protocol.KindScore, protocol.KindSimulator); err != nil {
			return err
		}
		if slices.Contains(m.Kinds[:i], kind) {
			return fmt.Errorf("kinds names %q twice", kind)
		}
	}
	if m.Transport != "" {
		if err := oneOf("transport", m.Transport, TransportGRPC, TransportFrames); err != nil {
			return err
		}
	}
	for _, words := range []struct{ key, text string }{{"about", m.About}, {"build", m.Build}} {
		if err := plainText(words.key, words.text, 1000); err != nil {
			return err
		}
	}
	if len(m.Files) == 0 {
		return errors.New("files is empty: every file of the plug-in stands there, with its SHA-256 or \"\"")
	}
	if len(m.Files) > mostFiles {
		return fmt.Errorf("files lists %d: at most %d", len(m.Files), mostFiles)
	}
	lower := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if err := checkPath(name); err != nil {
			return err
		}
		if other, twice := lower[strings.ToLower(name)]; twice {
			return fmt.Errorf("files lists %q and %q, which are one file on some systems", other, name)
		}
		lower[strings.ToLower(name)] = name
		if sum := m.Files[name]; sum != "" {
			if b, err := hex.DecodeString(sum); err != nil || len(b) != 32 || sum != strings.ToLower(sum) {
				return fmt.Errorf("files: %q = %q: a SHA-256 in 64 hexadecimal digits, or \"\", is wanted", name, sum)
			}
		}
	}
	return m.checkCommand()
}

func (m Manifest) checkCommand() error {
	if len(m.Command) == 0 || m.Command[0] == "" {
		return errors.New("command is empty: the words that start the plug-in are wanted")
	}
	for _, word := range m.Command {
		if strings.ContainsRune(word, 0) {
			return fmt.Errorf("command has the word %q, with a zero byte", word)
		}
	}
	first := m.Command[0]
	if _, own := m.Files[first]; own || path.IsAbs(first) {
		return nil
	}
	if strings.ContainsAny(first, "/\\") {
		return fmt.Errorf("command begins with %q, which is none of files: a file of the plug-in, a program on PATH or an absolute path is wanted", first)
	}
	return nil
}

// checkPath wants a clean relative path, with slashes, that stays in the folder.
func checkPath(name string) error {
	switch {
	case name == "" || strings.ContainsAny(name, "\\\x00:") || path.IsAbs(name) || path.Clean(name) != name || name == "." || name == ".." || strings.HasPrefix(name, "../"):
		return fmt.Errorf("files: %q is no path below the plug-in's folder", name)
	case len(name) > 512:
		return fmt.Errorf("files: the path %.20q... has %d letters: at most 512", name, len(name))
	case strings.EqualFold(name, ManifestFile):
		return fmt.Errorf("files: %s itself is not listed", ManifestFile)
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return fmt.Errorf("files: %q is hidden: names begin with no dot", name)
		}
	}
	return plainText("files", name, 512)
}

// plainText refuses what would write over a terminal or break a line.
func plainText(key, text string, longest int) error {
	if len(text) > longest {
		return fmt.Errorf("%s has %d letters: at most %d", key, len(text), longest)
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfffd || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return fmt.Errorf("%s = %q: no control characters", key, text)
		}
	}
	return nil
}

func oneOf(key, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	if near := spelling.Nearest(value, known); near != "" {
		return fmt.Errorf("%s: unknown %q; did you mean %q?", key, value, near)
	}
	return fmt.Errorf("%s: unknown %q; there are %s", key, value, strings.Join(known, ", "))
}
