package learning

// Watcher looks at a run at every recorded step and says the first thing that is wrong, once.
type Watcher struct {
	Settings Settings
	Say      func(sentence string)

	steps []map[string]float64
	said  bool
}

// Add takes lines of metrics.jsonl over without looking: those of a run that goes on.
func (w *Watcher) Add(lines ...map[string]float64) { w.steps = append(w.steps, lines...) }

// See takes the line of a recorded step.
func (w *Watcher) See(line map[string]float64) {
	if w.said {
		return
	}
	w.Add(line)
	if found := Look(w.steps, w.Settings).Findings; len(found) > 0 {
		w.said, w.steps = true, nil
		w.Say(found[0].Sentence)
	}
}
