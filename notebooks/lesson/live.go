package lesson

import (
	"time"

	"github.com/janpfeifer/gonb/gonbui"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/plots"
)

// liveEvery is how often a figure may change.
const liveEvery = time.Second

// Live puts a figure below the cell that is drawn anew while a training goes on: one display, which changes. train makes its run in
// the folder dir, as [experiments.Options] has it, or returns another that it has found; draw makes the figure of the steps that were
// recorded so far.
//
//	run := lesson.Live("runs/mine", lesson.LossCurve, func() (*experiments.Run, error) {
//		run, _, err := demo.CLIP().Start(ctx, b, experiments.Options{Out: "runs/mine", ...})
//		return run, err
//	})
func Live(dir string, draw func(steps []map[string]float64) (*plots.Figure, error), train func() (*experiments.Run, error)) *experiments.Run {
	d := display{id: "glimpse-live-" + gonbui.UniqueId(), draw: draw}
	type ended struct {
		run *experiments.Run
		err error
	}
	done := make(chan ended, 1)
	go func() {
		run, err := train()
		done <- ended{run, err}
	}()
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if run, err := experiments.OpenRun(dir); err == nil { // it is not there before the data are
				Check(d.show(run))
			}
		case e := <-done:
			Check(e.err)
			Check(d.show(e.run))
			gonbui.Sync()
			return e.run
		}
	}
}

// display is a place below the cell that changes.
type display struct {
	id    string
	draw  func(steps []map[string]float64) (*plots.Figure, error)
	shown int // steps in what it shows now
}

// show draws the run's figure if there are steps that it does not have yet.
func (d *display) show(run *experiments.Run) error {
	steps, err := run.Metrics()
	if err != nil || len(steps) <= d.shown {
		return err
	}
	figure, err := d.draw(steps)
	if err != nil {
		return err
	}
	html, err := figure.HTML()
	if err != nil {
		return err
	}
	gonbui.UpdateHTML(d.id, string(html))
	d.shown = len(steps)
	return nil
}

// LossCurve draws the loss of a training.
func LossCurve(steps []map[string]float64) (*plots.Figure, error) {
	loss := plots.Series{Name: "training batch"}
	for _, step := range steps {
		loss.X, loss.Y = append(loss.X, step["step"]), append(loss.Y, step["loss"])
	}
	return plots.Curves(plots.CurvesConfig{XLabel: "step", YLabel: "loss (nats)", Series: []plots.Series{loss}})
}
