package sweep

import "time"

// watch tells an attempt that lives from one whose worker has died, by nothing but whether its beats change. The clock is that
// of the process that looks, and never goes back (time.Time's monotonic reading).
type watch struct {
	lease time.Duration
	seen  map[attemptID]*sight
}

type attemptID struct{ trial, attempt int }

type sight struct {
	beat      string
	at        time.Time
	unchanged time.Duration
}

func newWatch(lease time.Duration) *watch {
	return &watch{lease, map[attemptID]*sight{}}
}

// dead looks at an attempt's beat, which was read at now. It says whether the beat has stayed the same for a lease. However long
// ago the last look was, a look counts for a quarter of a lease at most: whoever looks may have slept as long as the one it looks at.
func (w *watch) dead(id attemptID, beat string, now time.Time) bool {
	s := w.seen[id]
	if s == nil || s.beat != beat {
		w.seen[id] = &sight{beat: beat, at: now}
		return false
	}
	s.unchanged += min(now.Sub(s.at), w.lease/4)
	s.at = now
	return s.unchanged >= w.lease
}

// forget drops what is known of a trial that has its result.
func (w *watch) forget(trial int) {
	for id := range w.seen {
		if id.trial == trial {
			delete(w.seen, id)
		}
	}
}
