package plugins

import (
	"fmt"
	"sync"
	"time"
)

// Usage is what a plug-in was used for and what that cost.
type Usage struct {
	Calls    uint64        // evaluations
	Points   uint64        // of all calls
	Busy     time.Duration // during which at least one call was under way
	Compute  time.Duration // of Busy, that the plug-in says its models took
	Restarts int
}

// Transport is what is left of Busy: the way there and back, and the waiting.
func (u Usage) Transport() time.Duration { return u.Busy - u.Compute }

// Line says for the end of a run which share of its time the plug-in took.
func (u Usage) Line(wall time.Duration) string {
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / max(wall.Seconds(), 1e-9) }
	return fmt.Sprintf("plugin %.0f%% of wall: %.0f%% compute, %.0f%% transport", share(u.Busy), share(u.Compute), share(u.Transport()))
}

// Usage is what the plug-in was used for so far.
func (p *Plugin) Usage() Usage { return p.usage.total() }

// usage counts.
type usage struct {
	lock     sync.Mutex
	sum      Usage
	underWay int
	since    time.Time // when the first of those under way began
}

func (u *usage) begin() {
	u.lock.Lock()
	defer u.lock.Unlock()
	if u.underWay++; u.underWay == 1 {
		u.since = time.Now()
	}
}

func (u *usage) end(points int, compute uint64) {
	u.lock.Lock()
	defer u.lock.Unlock()
	if u.underWay--; u.underWay == 0 {
		u.sum.Busy += time.Since(u.since)
	}
	u.sum.Calls++
	u.sum.Points += uint64(points)
	// A plug-in that lies about its time does not make the sums wrong.
	u.sum.Compute += time.Duration(min(compute, uint64(time.Hour)))
}

func (u *usage) restarted() {
	u.lock.Lock()
	defer u.lock.Unlock()
	u.sum.Restarts++
}

func (u *usage) total() Usage {
	u.lock.Lock()
	defer u.lock.Unlock()
	sum := u.sum
	if u.underWay > 0 {
		sum.Busy += time.Since(u.since)
	}
	sum.Compute = min(sum.Compute, sum.Busy)
	return sum
}
