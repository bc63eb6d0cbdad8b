package sweep

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// PlanHalving makes the rungs of successive halving (Jamieson and Talwalkar 2016, figure 3, with a factor eta in place of 2
// as in Hyperband, Li et al. 2018, algorithm 1): rung r tries floor(n/eta^r) settings with a budget of most/eta^(R-1-r), R the number
// of rungs. rungs 0 means as many as leave at least one setting at the end.
func PlanHalving(n, eta, rungs, most int) ([]Rung, error) {
	if n < 2 || eta < 2 {
		return nil, fmt.Errorf("expected at least 2 settings and a factor of at least 2 for successive halving, found %d and %d", n, eta)
	}
	possible, power := 1, 1
	for power*eta <= n && power*eta <= most {
		possible, power = possible+1, power*eta
	}
	if rungs == 0 {
		rungs = possible
	}
	if rungs < 2 || rungs > possible {
		return nil, fmt.Errorf("expected 2 to %d rungs, which is how often %d settings and a budget of %d can be divided by %d, found %d; "+
			"try more settings, a smaller --eta or more of the budget", possible, n, most, eta, rungs)
	}
	var plan []Rung
	divisor := 1
	for range rungs - 1 {
		divisor *= eta
	}
	for range rungs {
		plan = append(plan, Rung{Settings: n, Budget: max(1, most/divisor)})
		n, divisor = n/eta, divisor/eta
	}
	return plan, nil
}

// halving draws the settings of the first rung at random and gives those of the next to the best of the one before, once all of that
// have ended. Each rung trains from the start, because the schedule of the learning rate ends with the budget.
func halving(s *Spec, i int, finished []Score) (Proposal, bool) {
	rung, place := 0, i
	for rung < len(s.Rungs) && place >= s.Rungs[rung].Settings {
		place -= s.Rungs[rung].Settings
		rung++
	}
	if rung >= len(s.Rungs) {
		return Proposal{}, false
	}
	p := Proposal{Rung: rung}
	if rung == 0 {
		p.Settings = randomSetting(s, randomOf(s, i))
	} else {
		before := slices.DeleteFunc(slices.Clone(finished), func(x Score) bool { return x.Rung != rung-1 })
		if len(before) < s.Rungs[rung-1].Settings {
			return p, false
		}
		slices.SortStableFunc(before, func(a, b Score) int { return cmp.Compare(a.Loss, b.Loss) })
		p.Settings = maps.Clone(before[place].Settings)
	}
	p.Settings[s.Budget] = strconv.Itoa(s.Rungs[rung].Budget)
	return p, true
}
