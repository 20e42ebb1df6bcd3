package cli

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/scorefield/infer/mcmc"
	"github.com/scorefield/infer/score/train"
)

// progress draws a line on a terminal while a run goes on, and nothing anywhere else. The first comes after a moment, so
// that a short run stays silent.
type progress struct {
	s     *streams
	what  string // is done
	began time.Time
	loss  atomic.Value // string: what stands behind the rate
	mu    sync.Mutex
	group *mpb.Progress
	bar   *mpb.Bar
}

const progressAfter = 500 * time.Millisecond

func newProgress(s *streams, quiet bool, what string) *progress {
	if quiet || !s.terminal.moving {
		return nil
	}
	return &progress{s: s, what: what, began: time.Now()}
}

// sampling is told by a run how far it is.
func (p *progress) sampling(now mcmc.Progress) { p.update(now.Done, now.Total, "moves/s", "") }

// training is told by a training how far it is.
func (p *progress) training(now train.Progress) {
	if p != nil {
		p.update(uint64(now.Step), uint64(now.Steps), "steps/s", fmt.Sprintf(" loss %.4g", now.Loss))
	}
}

func (p *progress) update(done, total uint64, unit, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		p.loss.Store(note)
		if time.Since(p.began) < progressAfter || total == 0 {
			return
		}
		p.group = mpb.New(mpb.WithOutput(p.s.err), mpb.WithWidth(60), mpb.WithAutoRefresh())
		p.bar = p.group.AddBar(int64(total),
			mpb.PrependDecorators(decor.Name(p.what+" "), decor.Percentage()),
			mpb.AppendDecorators(decor.AverageSpeed(0, "%.3g "+unit+" "), decor.AverageETA(decor.ET_STYLE_GO),
				decor.Any(func(decor.Statistics) string { return p.loss.Load().(string) })), mpb.BarRemoveOnComplete())
	}
	p.loss.Store(note)
	p.bar.SetCurrent(int64(done))
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
