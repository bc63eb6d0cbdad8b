package latentdiffusion

import (
	"context"
	"fmt"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/latent"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/built/judge"
	"github.com/glimpse-ml/glimpse/experiments/built/scenesclip"
	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Config is the configuration of built/latent and built/imagen.
type Config struct {
	Model     latent.Config           `json:"model"`      // its text tower is that of text; the deviation, the scale and what states are standardised by are found
	Text      scenesclip.Config       `json:"text"`       // training of the text encoder, and the captions it reads
	Standard  bool                    `json:"standard"`   // the encoder's states are read less their mean and divided by their deviation
	Pictures  int                     `json:"pictures"`   // scenes to train on; windows are cut from them anew each time
	BatchSize int                     `json:"batch_size"` // windows
	AutoTrain experiments.TrainConfig `json:"auto_train"` // of the autoencoder
	Train     experiments.TrainConfig `json:"train"`      // of the network that tells the noise
	Drop      float64                 `json:"drop"`       // share of the windows that are shown without their text
	Judge     judge.Config            `json:"judge"`
	Scales    []float64               `json:"scales"` // of guidance, rising from 0, which does not know the text
	Rounds    int                     `json:"rounds"` // how often each prompt is asked at each scale; prompts of unseen pairs three times as often
}

// Report is what a run found out.
type Report struct {
	Judge    map[scenes.Split]stats.Proportion `json:"judge"`    // accuracy of the classifier that counts, of new scenes
	Returned map[scenes.Split]Returned         `json:"returned"` // what the autoencoder makes of new scenes
	Before   judge.Strip                       `json:"before"`   // the first of them
	After    judge.Strip                       `json:"after"`    // and what comes back
	Scales   []judge.Scaled                    `json:"scales"`
	Best     float64                           `json:"best"`  // the scale that is chosen, by samples of other noise
	Way      judge.Strip                       `json:"way"`   // the first picture at that scale on its way from noise, decoded
	Guess    judge.Strip                       `json:"guess"` // what is guessed of the clean one meanwhile
	WayAt    []int                             `json:"way_at"`
}

// Reader trains a text encoder as a part of a run: its vocabulary, and the store whose variables are named as a CLIP's, the text tower among them. done gives the memory back.
type Reader func(ctx context.Context, env *experiments.Env, cfg Config) (tokenizer *clip.Tokenizer, store *model.Store, done func(), err error)

// Definition is what two studies differ in: the text encoder, its settings, and the words about it.
type Definition struct {
	Name, Title, Summary, Asks string
	Read                       Reader
	Encoder                    string                                 // whose states are read, such as "CLIP's text transformer"
	Adjust                     func(c *Config, form experiments.Form) // the defaults of built/latent; nil leaves them as they are
}

// Define makes the study.
func Define(d Definition) lesson.Study {
	return lesson.New(lesson.Definition[Config, Report]{
		Series: "built", Name: d.Name, Title: d.Title, Asks: d.Asks, Summary: d.Summary,
		Defaults: func(form experiments.Form, kind backend.Kind) Config {
			c := defaults(form, kind)
			if d.Adjust != nil {
				d.Adjust(&c, form)
			}
			return c
		},
		Run: func(ctx context.Context, env *experiments.Env, cfg Config) (Report, []string, error) {
			return run(ctx, env, cfg, d.Read)
		},
		Metrics: figures,
		Tell:    func(runs []ran) (lesson.Told, error) { return tell(runs, d.Encoder) },
	})
}

// Study is the experiment built/latent: latent diffusion in Stable Diffusion's shape (Rombach et al. 2022, arXiv 2112.10752).
//
//	glimpse train built/latent --seed 1
//	glimpse train built/latent --quick     40 seconds on two cores
//
// Time, machine and scores are in docs/results/built-latent.md.
func Study() lesson.Study {
	return Define(Definition{Name: "latent", Title: "Pictures out of latents, by a network that reads CLIP's tokens", Asks: asks, Read: readCLIP, Encoder: "CLIP's text transformer",
		Summary: "latent diffusion: autoencoder, U-Net that reads CLIP's text tokens, guidance without a classifier: share of samples true to the prompt"})
}

func defaults(form experiments.Form, kind backend.Kind) Config {
	training := func(steps int, average float64) experiments.TrainConfig {
		t := experiments.TrainConfig{Steps: steps, Optimizer: experiments.DefaultAdamW(), LogEvery: 20, Average: average}
		t.Optimizer.LR = 2e-3
		return t
	}
	c := Config{Model: latent.Default(), Text: scenesclip.Defaults(form), Pictures: 4000, BatchSize: 32, AutoTrain: training(1000, 0.99), Train: training(3500, 0.995),
		Drop: 0.1, Judge: judge.Default(form), Scales: []float64{0, 1, 2, 4, 7}, Rounds: 2}
	c.Judge.Channels = []int{16, 32, 64, 96}
	c.Text.MaxObjects, c.Text.Train.Steps = 1, 500
	c.Text.Model.Vision.Height, c.Text.Model.Vision.Width, c.Text.Model.Text.ContextLength = c.Model.Auto.Side, c.Model.Auto.Side, 16
	if form == experiments.Full {
		c.Judge.Train.Steps = 250
	}
	if form == experiments.Quick {
		c.Text.BatchSize, c.Pictures, c.AutoTrain.Steps, c.AutoTrain.Average, c.Train.Steps, c.Train.Average = 24, 800, 80, 0.9, 120, 0.95
		c.Text.Train.Steps, c.Text.Train.Average, c.Model.Sampling.Steps, c.Scales, c.Rounds = 40, 0.9, 10, []float64{0, 2}, 1
		c.Model.Noise.Channels, c.Model.Auto.Channels = []int{32, 64}, []int{16, 32}
		if kind == backend.Go { // which takes several times as long for a step
			c.AutoTrain.Steps, c.Train.Steps = 30, 40
		}
	}
	return c
}

// latents is the model's configuration, with the text tower that is trained.
func (c Config) latents() latent.Config {
	m := c.Model
	m.Text.Tower, m.Text.Joint = c.Text.Model.Text, c.Text.Model.EmbedDim
	return m
}

// Check says what is wrong with the settings, if anything is.
func (c Config) Check() error {
	for _, err := range []error{c.latents().Check(), c.Text.Check(), c.Judge.Check(), judge.CheckScales(c.Scales)} {
		if err != nil {
			return err
		}
	}
	switch {
	case c.Rounds < 1 || c.BatchSize < 2 || c.Pictures < max(c.BatchSize, measured):
		return fmt.Errorf("expected at least 1 round, batches of at least 2 and at least %d pictures and a batch, found rounds=%d, batch_size=%d and pictures=%d", measured, c.Rounds, c.BatchSize, c.Pictures)
	case !(c.Drop > 0 && c.Drop < 1):
		return fmt.Errorf("drop: expected a share between 0 and 1, found %g", c.Drop)
	case 2*c.Model.Auto.Side < scenes.MinSize:
		return fmt.Errorf("model.autoencoder.side: expected at least %d pixels, found %d", scenes.MinSize/2, c.Model.Auto.Side)
	}
	return nil
}

// readCLIP trains a CLIP on Scenes of one object.
func readCLIP(ctx context.Context, env *experiments.Env, cfg Config) (*clip.Tokenizer, *model.Store, func(), error) {
	m, err := scenesclip.Train(ctx, env, cfg.Text)
	if err != nil {
		return nil, nil, nil, err
	}
	return m.Tokenizer, m.Store, m.Close, nil
}

func run(ctx context.Context, env *experiments.Env, cfg Config, read Reader) (report Report, remarks []string, err error) {
	j, err := judge.Train(ctx, env, cfg.Judge, cfg.Model.Auto.Side)
	if err != nil {
		return report, nil, err
	}
	defer j.Close()
	if report.Judge, err = j.Accuracies(); err != nil {
		return report, nil, err
	}
	m, err := newLearner(ctx, env, cfg, read)
	if err != nil {
		return report, nil, err
	}
	if err := m.learnLatents(ctx, env); err != nil {
		return report, nil, err
	}
	if err := report.look(env, m, j); err != nil {
		return report, nil, err
	}
	if err := m.learnNoise(ctx, env); err != nil {
		return report, nil, err
	}
	if err := report.sample(ctx, env, m, j); err != nil {
		return report, nil, err
	}
	m.Config.Scale = report.Best
	return report, nil, m.Save(env.Run.Path("model"))
}
