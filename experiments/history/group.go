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

// Settings are a run's settings by their paths, and what else decides what comes out: experiment, form, seed, backend,
// the number of devices where there were several, and commit. The values are JSON.
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
	if m.Devices > 1 {
		settings["devices"] = strconv.Itoa(m.Devices)
	}
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

// Names tells runs from each other: by the names of their folders or, where these are not enough, by their paths below the folder
// that holds them all.
func Names(runs []*experiments.Run) []string {
	var paths [][]string
	bases := map[string]bool{}
	for _, run := range runs {
		dir := run.Dir
		if absolute, err := filepath.Abs(dir); err == nil { // else it is as good a name as any
			dir = absolute
		}
		paths = append(paths, strings.Split(filepath.ToSlash(dir), "/"))
		bases[filepath.Base(dir)] = true
	}
	common := 0
	shared := func(path []string) bool { return common+1 < len(path) && path[common] == paths[0][common] }
	for len(bases) < len(runs) && len(runs) > 0 && !slices.ContainsFunc(paths, func(path []string) bool { return !shared(path) }) {
		common++
	}
	var names []string
	for _, path := range paths {
		if len(bases) == len(runs) {
			common = len(path) - 1
		}
		names = append(names, strings.Join(path[common:], "/"))
	}
	return names
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
	names, seen := Names(runs), map[string]int{}
	for _, g := range groups {
		name := names[g.runs[0]]
		if len(g.runs) > 1 {
			name = nameOfSeveral(Settings(runs[g.runs[0]]), differing, name, len(g.runs))
		}
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
		out = append(out, Group{g.runs, name})
	}
	return out
}

// longestName is how many letters of settings a group's name may have.
const longestName = 60

// nameOfSeveral names a group of n runs by the settings in which it differs from the others, or else by its first run.
func nameOfSeveral(settings map[string]string, differing []string, first string, n int) string {
	var parts []string
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
		name = first + " and others"
	}
	return fmt.Sprintf("%s, %d seeds", name, n)
}
