package experiments

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

// Wanted says which run would do in the place of a new one.
type Wanted struct {
	Experiment string
	Form       Form
	Config     json.RawMessage // as it would be run: every setting
	Seed       int64
	Backend    *backend.Backend // of whose kind it has to be, and on as many devices
	DataDir    string           // given in the place of the main data set's folder; "" for none
}

// Find looks among the runs directly below dir for a complete one of the same experiment, form, settings, seed, kind of backend,
// number of devices and data folder, and returns it with what came out; nil when there is none. One made by the code of this checkout is preferred
// to others, and a later one to an earlier. Where the code is or may be another, the result's remarks say so. The files of
// a data set are taken to be what they were; the manifest has their fingerprints.
func Find(dir string, want Wanted) (*Run, Result, error) {
	runs, err := ListRuns(dir)
	if err != nil {
		return nil, Result{}, err
	}
	settings, err := canonical(want.Config)
	if err != nil {
		return nil, Result{}, err
	}
	commit := Commit()
	var best *Run
	var found Result
	for _, r := range runs { // the earliest first
		var result Result
		if !want.fits(r.Manifest, settings) || r.Results(&result) != nil {
			continue
		}
		if best == nil || r.madeBy(commit) || !best.madeBy(commit) {
			best, found = r, result
		}
	}
	if best != nil {
		found.Remarks = append([]string{best.foundRemark(commit, versions(want.Backend))}, found.Remarks...)
	}
	return best, found, nil
}

// fits says whether a run is one that is wanted, with settings in canonical form.
func (want Wanted) fits(m Manifest, settings string) bool {
	kind, _, _ := strings.Cut(m.Backend, ":")
	config, err := canonical(m.Config)
	return err == nil && m.Format == format && m.Experiment == want.Experiment && m.Form == want.Form && m.Seed == want.Seed &&
		m.DataDir == want.DataDir && backend.Kind(kind) == want.Backend.Kind && m.Devices == several(want.Backend.Devices) && config == settings
}

// canonical is a configuration as JSON without blanks, its parts by name, so that their order says nothing.
func canonical(config json.RawMessage) (string, error) {
	tree, err := decode(config)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(tree)
	return string(text), err
}

// commits are those of all processes that worked on a run.
func (m Manifest) commits() []string {
	all := []string{m.Commit}
	for _, a := range m.Attempts {
		all = append(all, a.Commit)
	}
	return all
}

// madeBy says whether the whole run is known to be made by the code of a commit.
func (r *Run) madeBy(commit string) bool {
	return commit != "" && !strings.Contains(commit, "+") && !slices.ContainsFunc(r.Manifest.commits(), func(c string) bool { return c != commit })
}

// mostVersions are named in a remark.
const mostVersions = 3

// foundRemark is what to know of a run that stands for a new one.
func (r *Run) foundRemark(commit string, ours map[string]string) string {
	m := r.Manifest
	remark := fmt.Sprintf("nothing was trained: the run %s of %s has the same settings and seed", r.Dir, m.Started.Format("2006-01-02 15:04 UTC"))
	var other []string
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if m.Versions[name] != ours[name] {
			other = append(other, fmt.Sprintf("%s %s, now %s", name, cmp.Or(m.Versions[name], "unknown"), ours[name]))
		}
	}
	if n := len(other); n > mostVersions {
		other = append(other[:mostVersions], fmt.Sprintf("%d more", n-mostVersions))
	}
	if len(other) > 0 {
		remark += "; it was made with other versions (" + strings.Join(other, "; ") + ")"
	}
	if !r.madeBy(commit) {
		was := slices.Compact(slices.Clone(m.commits()))
		for i, c := range was {
			was[i] = cmp.Or(ShortCommit(c), "none known")
		}
		remark += fmt.Sprintf("; its code may be another (commit %s, now %s)", strings.Join(was, " and "), cmp.Or(ShortCommit(commit), "none known"))
	}
	return remark
}

// Reuse is [Experiment.Start] unless [Find] finds a run below dir, which is returned with what came out then.
func (e Experiment) Reuse(ctx context.Context, b *backend.Backend, dir string, opts Options) (*Run, Result, error) {
	config, err := e.Config(b.Kind, opts)
	if err != nil {
		return nil, Result{}, err
	}
	run, result, err := Find(dir, Wanted{Experiment: e.Name, Form: opts.Form, Config: config, Seed: opts.Seed, Backend: b, DataDir: opts.DataDir})
	if run != nil || err != nil {
		return run, result, err
	}
	return e.Start(ctx, b, opts)
}
