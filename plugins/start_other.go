//go:build !unix

package plugins

import (
	"context"
	"errors"
	"time"
)

// process is a plug-in's process; there is none on this system.
type process struct {
	log   *tail
	ended string
}

func (p *process) pid() int                  { return 0 }
func (p *process) within(time.Duration) bool { return true }
func (p *process) terminate(time.Duration)   {}

// start refuses.
func start(_ context.Context, o *Options) (*session, error) {
	return nil, &Error{Plugin: o.Name, Err: errors.New("plug-ins need Linux or macOS: on Windows, run infer in WSL")}
}
