package captions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/captioner"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// EnsembleConfig is the configuration of the experiment captions/ensemble.
type EnsembleConfig struct {
	Members  []string `json:"members"`  // folders of captioners, or of the runs that trained them; none: they are trained here
	Seeds    int      `json:"seeds"`    // how many are trained here, the first from the run's seed, each further one from the next
	Captions Config   `json:"captions"` // how they are trained, by people's words alone; and of members given: pictures, beam, examples
}

// Ensemble is the experiment captions/ensemble: several captioners write together, by the mean of their probabilities (Vinyals et al. 2016, arXiv
// 1609.06647). What the members' errors do not have in common takes away from each other.
//
//	glimpse train captions/ensemble --set 'members=["runs/soft-1","runs/soft-2","runs/soft-3"]'    2 minutes: nothing is trained
//	glimpse train captions/ensemble --quick                                                        seconds: two small ones, on Scenes
func Ensemble() experiments.Experiment {
	return experiments.New("captions/ensemble", "several captioners that write together; BLEU, ROUGE-L, CIDEr of their captions", ensembleDefaults, trainEnsemble)
}

func ensembleDefaults(form experiments.Form, kind backend.Kind) EnsembleConfig {
	cfg := EnsembleConfig{Members: []string{}, Seeds: 3, Captions: defaults(form, kind)}
	cfg.Captions.Critical.Train.Steps = 0
	if form == experiments.Quick {
		cfg.Seeds = 2
	}
	return cfg
}

// Check refuses settings that have no use.
func (c EnsembleConfig) Check() error {
	if len(c.Members) == 0 && c.Seeds < 1 {
		return fmt.Errorf("seeds: expected at least 1 captioner to train where no members are given, found %d", c.Seeds)
	}
	return c.Captions.CheckLearn()
}

// EnsembleReport is what a run of captions/ensemble found out.
type EnsembleReport struct {
	Data    string   `json:"data"`
	Dev     int      `json:"dev"`
	HeldOut int      `json:"held_out"`
	Members []Member `json:"members"`

	OnDev     Scored  `json:"on_dev"`
	OnHeldOut *Scored `json:"on_held_out,omitempty"`
	Processor float64 `json:"processor"`         // processor seconds of the run
	Earlier   float64 `json:"earlier,omitempty"` // those of the runs that trained its members
}

// Member is one of an ensemble's captioners.
type Member struct {
	Kind     captioning.Attention `json:"kind"` // its attention, or tell
	Seed     int64                `json:"seed"`
	Critical bool                 `json:"critical"` // whether it had self-critical training
}

func trainEnsemble(ctx context.Context, env *experiments.Env, cfg EnsembleConfig) (experiments.Result, error) {
	var result experiments.Result
	report := EnsembleReport{Data: cfg.Captions.Data}
	members, err := report.members(ctx, env, cfg, &result)
	defer func() {
		for _, m := range members {
			m.Close()
		}
	}()
	if err != nil {
		return result, err
	}
	e, err := captioner.Ensemble(members...)
	if err != nil {
		return result, err
	}
	members = []*captioner.Model{e}
	if err := report.score(ctx, env, cfg.Captions, e); err != nil {
		return result, err
	}
	report.Processor, _ = env.Usage()
	result.Metrics = map[string]float64{}
	putScores(result.Metrics, "dev_", report.OnDev)
	if report.OnHeldOut != nil {
		putScores(result.Metrics, "", *report.OnHeldOut)
	}
	return result, env.Run.WriteJSON(ReportFile, report)
}

// members opens or trains the captioners.
func (r *EnsembleReport) members(ctx context.Context, env *experiments.Env, cfg EnsembleConfig, result *experiments.Result) (members []*captioner.Model, err error) {
	for _, dir := range cfg.Members {
		m, err := captioner.Open(ctx, env.Backend, dir)
		if err != nil {
			return members, err
		}
		members = append(members, m)
		member, processor, err := trainedIn(dir)
		if err != nil {
			return members, err
		}
		member.Kind = m.Config.Attention
		if m.Tells {
			member.Kind = showAndTell
		}
		r.Members, r.Earlier = append(r.Members, member), r.Earlier+processor
	}
	if len(cfg.Members) > 0 {
		return members, nil
	}
	for i := range cfg.Seeds {
		of := cfg.Captions
		of.member = int64(i)
		learned, err := Learn(ctx, env, of, fmt.Sprintf("member %d", i+1), nil)
		if err != nil {
			return members, err
		}
		members = append(members, learned.Model)
		if err := learned.Model.Save(env.Run.Path(fmt.Sprintf("member-%d", i+1))); err != nil {
			return members, err
		}
		kind := cfg.Captions.Model.Attention
		if cfg.Captions.Decoder == tell {
			kind = showAndTell
		}
		r.Members = append(r.Members, Member{Kind: kind, Seed: env.Seed + int64(i)})
		if i == 0 {
			result.Remarks = learned.Remarks
		}
	}
	return members, nil
}

// trainedIn is what a run of captions/flickr8k says of the captioner in dir, which is the run's folder or one in it, and the processor seconds that its
// training took. Of a captioner that no such run holds nothing is known.
func trainedIn(dir string) (member Member, processor float64, err error) {
	folder, before := dir, false
	if name := filepath.Base(dir); name == "model" || name == "foretelling" {
		folder, before = filepath.Dir(dir), name == "foretelling"
	}
	run, err := experiments.OpenRun(folder)
	if err != nil || run.Manifest.Experiment != Photographs().Name {
		return Member{}, 0, nil
	}
	data, err := os.ReadFile(run.Path(ReportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Member{Seed: run.Manifest.Seed}, 0, nil
	}
	if err != nil {
		return member, 0, fmt.Errorf("cannot read the report of the run in %s: %w", folder, err)
	}
	var report Report
	if err := json.Unmarshal(data, &report); err != nil {
		return member, 0, fmt.Errorf("%s is damaged: %w", run.Path(ReportFile), err)
	}
	return Member{Seed: run.Manifest.Seed, Critical: report.Critical != nil && !before}, report.Processor + report.Earlier, nil
}

// score describes dev and, in a final run, test pictures.
func (r *EnsembleReport) score(ctx context.Context, env *experiments.Env, cfg Config, e *captioner.Model) error {
	open, err := openSplits(env, cfg)
	if err != nil {
		return err
	}
	options := captioning.BeamOptions{K: cfg.Beam, LengthExponent: cfg.LengthNorm}
	scored := func(i int) (s Scored, n int, err error) {
		set, _, err := e.Prepare(ctx, env, open[i])
		if err != nil {
			return s, 0, err
		}
		env.Say("captions: describing %d pictures of %s", len(set.Examples), open[i].Name())
		s, err = scoreSet(ctx, e, set, options, cfg.Examples)
		return s, len(set.Examples), err
	}
	if r.OnDev, r.Dev, err = scored(1); err != nil || !cfg.Final {
		return err
	}
	held, n, err := scored(2)
	r.OnHeldOut, r.HeldOut = &held, n
	return err
}

// EnsembleRecord is a run of captions/ensemble as it is recorded, without what people say of the pictures.
type EnsembleRecord = experiments.Record[EnsembleReport]

// addEnsemble takes a final run, in the place of an earlier one with members of the same kinds.
func (r *Recorded) addEnsemble(dir string) error {
	record, err := experiments.ReadRecord[EnsembleReport](dir, ReportFile, []string{Ensemble().Name}, nil)
	if err != nil {
		return err
	}
	if record.Report.OnHeldOut == nil {
		return fmt.Errorf("expected a final run in %s, found one that did not look at the test pictures (captions.final=false)", dir)
	}
	record.Report.OnDev.withoutPeople()
	record.Report.OnHeldOut.withoutPeople()
	r.Ensembles = slices.DeleteFunc(r.Ensembles, func(old EnsembleRecord) bool { return old.Report.name() == record.Report.name() })
	r.Ensembles = append(r.Ensembles, record)
	slices.SortStableFunc(r.Ensembles, func(a, b EnsembleRecord) int { return strings.Compare(a.Report.name(), b.Report.name()) })
	return nil
}

// name is what an ensemble is called on the page.
func (r EnsembleReport) name() string {
	var kinds []string
	for _, m := range r.Members {
		kind := named(m.Kind)
		if m.Critical {
			kind += thenCritical
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return fmt.Sprintf("%d together: %s", len(r.Members), strings.Join(kinds, "; "))
}

// allSoft says whether all members have soft attention, and have had self-critical training or not.
func (r EnsembleReport) allSoft(critical bool) bool {
	return !slices.ContainsFunc(r.Members, func(m Member) bool { return m.Kind != captioning.AttentionSoft || m.Critical != critical })
}

// writeEnsembles writes the circumstances of each ensemble.
func (r Recorded) writeEnsembles(b *strings.Builder) {
	if len(r.Ensembles) == 0 {
		return
	}
	b.WriteString("\nEnsembles (`glimpse train captions/ensemble`) write by the mean of their members' probabilities. Their processor seconds are those of describing\n" +
		"dev and test photographs, the cost of their members' training aside.\n\n" +
		"| captions by | seeds | dev CIDEr-D | whole run s | processor s | of its members' training | backend, machine | started | commit |\n| --- | --- | ---: | ---: | ---: | ---: | --- | --- | --- |\n")
	for _, run := range r.Ensembles {
		var seeds []string
		for _, m := range run.Report.Members {
			seeds = append(seeds, fmt.Sprint(m.Seed))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.0f | %.0f | %.0f | %s, %s | %s | `%s` |\n", run.Report.name(), strings.Join(seeds, ", "), shown(run.Report.OnDev.Interval["CIDEr"], 1, 3),
			run.Seconds, run.Report.Processor, run.Report.Earlier, run.Backend, run.Machine, run.Started, experiments.ShortCommit(run.Commit))
	}
}
