package captions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
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
// 1609.06647). Errors that the members do not share cancel out.
//
//	glimpse train captions/ensemble --set 'members=["runs/soft-1","runs/soft-2","runs/soft-3"]'    20 seconds on one core: nothing is trained
//	glimpse train captions/ensemble --quick                                                        25 seconds: two small ones, on Scenes
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
	if len(c.Members) > 0 {
		return c.Captions.Check()
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
	Processor float64 `json:"processor"` // processor seconds of describing the pictures
	Training  float64 `json:"training"`  // those of the members' training: in this run, or of the runs that they come from
}

// Member is one of an ensemble's captioners.
type Member struct {
	Kind     captioning.Attention `json:"kind"`  // its attention, or what else it is
	Known    bool                 `json:"known"` // whether a run of captions/flickr8k, or this one, trained it: of others nothing more is known
	Seed     int64                `json:"seed"`
	Critical bool                 `json:"critical"` // whether it had self-critical training
	DevCIDEr float64              `json:"dev_cider"`
	Weights  string               `json:"weights,omitempty"` // [captioner.Model.WeightsSHA256], where the member was given

	run string // the folder of the run that trained it
}

func trainEnsemble(ctx context.Context, env *experiments.Env, cfg EnsembleConfig) (experiments.Result, error) {
	var result experiments.Result
	report := EnsembleReport{Data: cfg.Captions.Data}
	if env.Rehearsing() && len(cfg.Members) > 0 {
		return result, fmt.Errorf("expected captioners to train for a dry run, found members that are trained: only dev and test pictures would be described")
	}
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
	before, _ := env.Usage()
	if len(cfg.Members) == 0 {
		report.Training = before
	}
	problems, err := report.score(ctx, env, cfg.Captions, e)
	if err != nil {
		return result, err
	}
	if len(cfg.Members) > 0 {
		result.Remarks = problems
	}
	all, _ := env.Usage()
	report.Processor = all - before
	result.Metrics = map[string]float64{}
	if alone := report.alone(); !math.IsNaN(alone) {
		result.Metrics["members_dev_CIDEr"] = alone
	}
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
		member, seconds, err := trainedIn(dir)
		if err != nil {
			return members, err
		}
		member.Kind = kindOfModel(m)
		if member.Weights, err = m.WeightsSHA256(); err != nil {
			return members, err
		}
		if !slices.ContainsFunc(r.Members, func(other Member) bool { return other.Known && other.run == member.run }) {
			r.Training += seconds
		}
		r.Members = append(r.Members, member)
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
		r.Members = append(r.Members, Member{Kind: kindOfModel(learned.Model), Known: true, Seed: env.Seed + int64(i), DevCIDEr: learned.Phase.OnDev.Scores.CIDEr})
		if i == 0 {
			result.Remarks = learned.Remarks
		}
	}
	return members, nil
}

// kindOfModel is what a captioner is called: its attention, or what else it is.
func kindOfModel(c *captioner.Model) captioning.Attention {
	switch {
	case c.Tells:
		return showAndTell
	case c.Language != nil:
		return languageModel
	case c.BLIP != nil:
		return blipHead
	}
	return c.Config.Attention
}

// trainedIn is what a run of captions/flickr8k says of the captioner in dir, which is the run's folder or one in it, and the processor seconds that
// the run took, with those of the run that it started from.
func trainedIn(dir string) (member Member, seconds float64, err error) {
	dir = filepath.Clean(dir)
	run, err := experiments.OpenRun(dir)
	before := false
	if err != nil { // model or foretelling, in the run's folder
		before = filepath.Base(dir) == "foretelling"
		run, err = experiments.OpenRun(filepath.Dir(dir))
	}
	if err != nil || run.Manifest.Experiment != Photographs().Name {
		return Member{}, 0, nil
	}
	data, err := os.ReadFile(run.Path(ReportFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Member{}, 0, nil // stopped: how far is not known
	}
	if err != nil {
		return member, 0, fmt.Errorf("cannot read the report of the run in %s: %w", run.Dir, err)
	}
	var report Report
	if err := json.Unmarshal(data, &report); err != nil {
		return member, 0, fmt.Errorf("%s is damaged: %w", run.Path(ReportFile), err)
	}
	member = Member{Known: true, Seed: run.Manifest.Seed, Critical: report.Critical != nil && !before, DevCIDEr: report.Foretold.OnDev.Scores.CIDEr, run: run.Dir}
	if member.Critical {
		member.DevCIDEr = report.Critical.OnDev.Scores.CIDEr
	}
	return member, report.Processor + report.Earlier, nil
}

// score describes dev and, in a final run, test pictures. problems are sentences about what was left out.
func (r *EnsembleReport) score(ctx context.Context, env *experiments.Env, cfg Config, e *captioner.Model) (problems []string, err error) {
	open, err := openSplits(env, cfg)
	if err != nil {
		return nil, err
	}
	options := captioning.BeamOptions{K: cfg.Beam, LengthExponent: cfg.LengthNorm}
	scored := func(i int) (s Scored, n int, err error) {
		set, found, err := e.Prepare(ctx, env, open[i])
		if err != nil {
			return s, 0, err
		}
		problems = append(problems, found...)
		env.Say("captions: describing %d pictures of %s", len(set.Examples), open[i].Name())
		s, err = scoreSet(ctx, e, set, options, cfg.Examples)
		return s, len(set.Examples), err
	}
	if r.OnDev, r.Dev, err = scored(1); err != nil || !cfg.Final {
		return problems, err
	}
	held, n, err := scored(2)
	r.OnHeldOut, r.HeldOut = &held, n
	return problems, err
}

// alone is the members' CIDEr-D on dev pictures, each by itself, on the mean; NaN where it is not known of all.
func (r *EnsembleReport) alone() float64 {
	sum := 0.0
	for _, m := range r.Members {
		if !m.Known {
			return math.NaN()
		}
		sum += m.DevCIDEr
	}
	return sum / float64(len(r.Members))
}

// EnsembleRecord is a run of captions/ensemble as it is recorded, without what people say of the pictures.
type EnsembleRecord = experiments.Record[EnsembleReport]

// addEnsemble takes a final run, in the place of an earlier one with as many members of the same kinds.
func (r *Recorded) addEnsemble(dir string) error {
	record, err := experiments.ReadRecord[EnsembleReport](dir, ReportFile, []string{Ensemble().Name}, nil)
	if err != nil {
		return err
	}
	switch report := record.Report; {
	case report.OnHeldOut == nil:
		return fmt.Errorf("expected a final run in %s, found one that did not look at the test pictures (captions.final=false)", dir)
	case len(report.Members) < 2:
		return fmt.Errorf("expected an ensemble of two captioners or more in %s, found one captioner", dir)
	case slices.ContainsFunc(report.Members, func(m Member) bool { return !m.Known }):
		return fmt.Errorf("expected members that finished runs of captions/flickr8k trained in %s, found one of which nothing is known", dir)
	}
	record.Report.OnDev.withoutPeople()
	record.Report.OnHeldOut.withoutPeople()
	r.Ensembles = slices.DeleteFunc(r.Ensembles, func(old EnsembleRecord) bool { return old.Report.name() == record.Report.name() })
	r.Ensembles = append(r.Ensembles, record)
	slices.SortStableFunc(r.Ensembles, func(a, b EnsembleRecord) int { return strings.Compare(a.Report.name(), b.Report.name()) })
	return nil
}

// checkEnsembles sees to it that ensembles were measured as the other runs were.
func (r Recorded) checkEnsembles() error {
	for _, run := range r.Ensembles {
		if len(r.Runs) == 0 {
			return fmt.Errorf("expected runs of captions/flickr8k beside %s, found none", run.Report.name())
		}
		var ours EnsembleConfig
		var theirs Config
		if err := errors.Join(json.Unmarshal(run.Config, &ours), json.Unmarshal(r.Runs[0].Config, &theirs)); err != nil {
			return err
		}
		measured := func(data string, dev, held int, c Config) string {
			return fmt.Sprintf("%d dev and %d test pictures of %s, beam %d, length exponent %g", dev, held, data, c.Beam, c.LengthNorm)
		}
		first := r.Runs[0].Report
		found, want := measured(run.Report.Data, run.Report.Dev, run.Report.HeldOut, ours.Captions), measured(first.Data, first.Dev, first.HeldOut, theirs)
		if found != want {
			return fmt.Errorf("%s: expected what the other runs were measured on, %s, found %s", run.Report.name(), want, found)
		}
	}
	return nil
}

// name is what an ensemble is called on the page, whatever the order of its members.
func (r EnsembleReport) name() string {
	count := map[string]int{}
	for _, m := range r.Members {
		kind := named(m.Kind)
		if m.Critical {
			kind += thenCritical
		}
		count[kind]++
	}
	kinds := slices.Sorted(maps.Keys(count))
	if len(kinds) > 1 {
		for i, kind := range kinds {
			kinds[i] = fmt.Sprintf("%d of %s", count[kind], kind)
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
	b.WriteString("\nEnsembles (`glimpse train captions/ensemble`) write by the mean of their members' probabilities. Processor seconds are those of describing dev and test\n" +
		"photographs, and beside them those of the runs that trained the members: runs of these seeds, but not bit for bit those above where ONNX Runtime trained both.\n\n" +
		"| captions by | seeds | dev CIDEr-D | its members alone, on the mean | whole run s | processor s | of training | backend, machine | started | commit |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |\n")
	for _, run := range r.Ensembles {
		var seeds []string
		for _, m := range run.Report.Members {
			seeds = append(seeds, fmt.Sprint(m.Seed))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.3f | %.0f | %.0f | %.0f | %s, %s | %s | `%s` |\n", run.Report.name(), strings.Join(seeds, ", "), shown(run.Report.OnDev.Interval["CIDEr"], 1, 3),
			run.Report.alone(), run.Seconds, run.Report.Processor, run.Report.Training, run.Backend, run.Machine, run.Started, experiments.ShortCommit(run.Commit))
	}
}
