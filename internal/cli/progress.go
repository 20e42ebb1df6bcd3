package cli

import (
	"fmt"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/scorefield/infer/mcmc"
)

// progress draws a line on a terminal while a run goes on, and nothing anywhere else. The first comes after a moment, so
// that a short run stays silent.
type progress struct {
	s     *streams
	began time.Time
	mu    sync.Mutex
	group *mpb.Progress
	bar   *mpb.Bar
}

const progressAfter = 500 * time.Millisecond

func newProgress(s *streams, quiet bool) *progress {
	if quiet || !s.terminal.moving {
		return nil
	}
	return &progress{s: s, began: time.Now()}
}

// update is called by the run.
func (p *progress) update(now mcmc.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		if time.Since(p.began) < progressAfter || now.Total == 0 {
			return
		}
		p.group = mpb.New(mpb.WithOutput(p.s.err), mpb.WithWidth(60), mpb.WithAutoRefresh())
		p.bar = p.group.AddBar(int64(now.Total),
			mpb.PrependDecorators(decor.Name("sampling "), decor.Percentage()),
			mpb.AppendDecorators(decor.AverageSpeed(0, "%.3g moves/s "), decor.AverageETA(decor.ET_STYLE_GO)), mpb.BarRemoveOnComplete())
	}
	p.bar.SetCurrent(int64(now.Done))
}

// end takes the line away.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Abort(true)
		p.group.Wait()
		fmt.Fprint(p.s.err, "\r\033[K")
		p.bar = nil
	}
}
