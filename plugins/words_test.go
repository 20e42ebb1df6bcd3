//go:build unix

package plugins_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/scorefield/infer/plugins"
	"github.com/scorefield/infer/plugins/protocol"
)

// What a plug-in says does not move the reader's cursor, and fills no screen.
func TestErrorsArePrintable(t *testing.T) {
	said := &protocol.Error{Code: protocol.Internal, Message: "bad\x1b[2J \x9b31m\r\u202e weights\tx\n" + strings.Repeat("y", 100_000)}
	text := (&plugins.Error{Plugin: "p", Err: said, Model: true}).Error()
	if strings.ContainsAny(text, "\x1b\r\u009b\u202e") || !strings.Contains(text, "weights\tx\ny") || len(text) > 3000 || !strings.HasSuffix(text, "y...") {
		t.Errorf("%.200q, %d bytes", text, len(text))
	}
}

// The trace of another call in the log is no part of what a call was answered; a plug-in that died said it only there.
func TestAnswersAreSaidOnce(t *testing.T) {
	e := plugins.Error{Plugin: "p", Err: errors.New("TypeError: 495 rows"), Log: []string{"Traceback (most recent call last):", "  x", "TypeError: 503 rows"}}
	if text := e.Error(); text != "plug-in p: TypeError: 495 rows: TypeError: 503 rows" {
		t.Error(text)
	}
	e.Model = true
	if text := e.Error(); text != "plug-in p: TypeError: 495 rows" {
		t.Error(text)
	}
}
