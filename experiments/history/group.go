package history

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Settings are a run's settings by their paths, and what else decides what comes out: experiment, form, seed, backend and
// commit. The values are JSON.
func Settings(run *experiments.Run) map[string]string {
	m := run.Manifest
	settings := experiments.Flat(m.Config)
	for key, value := range map[string]string{
		"experiment": m.Experiment, "form": string(m.Form), "backend": m.Backend, "commit": m.Commit,
	} {
		quoted, _ := json.Marshal(value) // a string: nothing can fail
		settings[key] = string(quoted)
	}
	settings["seed"] = strconv.FormatInt(m.Seed, 10)
	return settings
}

// Differing are the settings that are not the same in all runs, in the order of names.
func Differing(runs []*experiments.Run) []string {
	all := map[string]bool{}
	var settings []map[string]string
	for _, run := range runs {
		s := Settings(run)
		settings = append(settings, s)
		for key := range s {
			all[key] = true
		}
	}
	var differing []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if slices.ContainsFunc(settings, func(s map[string]string) bool { return s[key] != settings[0][key] }) {
			differing = append(differing, key)
		}
	}
	return differing
}

// Group is runs that differ in their seed alone.
type Group struct {
	Runs []int  // their places among the runs that were grouped
	Name string // tells the group from the others
}

// Groups puts runs together that differ in their seed alone, in the order of their first runs. A seed is in a group only once: a
// second run of it starts another group, because it is no second draw.
func Groups(runs []*experiments.Run) []Group {
	type group struct {
		settings string
		seeds    map[int64]bool
		runs     []int
	}
	var groups []*group
next:
	for i, run := range runs {
		settings := Settings(run)
		delete(settings, "seed")
		text, _ := json.Marshal(settings) // texts: nothing can fail
		for _, g := range groups {
			if g.settings == string(text) && !g.seeds[run.Manifest.Seed] {
				g.runs, g.seeds[run.Manifest.Seed] = append(g.runs, i), true
				continue next
			}
		}
		groups = append(groups, &group{string(text), map[int64]bool{run.Manifest.Seed: true}, []int{i}})
	}
	differing := slices.DeleteFunc(Differing(runs), func(key string) bool { return key == "seed" })
	var out []Group
	names := map[string]int{}
	for _, g := range groups {
		name := nameOf(runs, g.runs, differing)
		if names[name]++; names[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, names[name])
		}
		out = append(out, Group{g.runs, name})
	}
	return out
}

// longestName is how many letters of settings a group's name may have.
const longestName = 60

// nameOf names a group: a run by its folder, several by the settings in which they differ from the others.
func nameOf(runs []*experiments.Run, members []int, differing []string) string {
	first := runs[members[0]]
	if len(members) == 1 {
		return filepath.Base(first.Dir)
	}
	var parts []string
	settings := Settings(first)
	for _, key := range differing {
		if value, ok := settings[key]; ok {
			value = strings.Trim(value, `"`)
			if key == "commit" {
				value = experiments.ShortCommit(value)
			}
			parts = append(parts, key[strings.LastIndexByte(key, '.')+1:]+"="+value)
		}
	}
	name := strings.Join(parts, " ")
	if name == "" || len(name) > longestName {
		name = filepath.Base(first.Dir) + " and others"
	}
	return fmt.Sprintf("%s, %d seeds", name, len(members))
}
