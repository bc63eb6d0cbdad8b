package scenes

// True says whether a caption is true of the scene. The caption may come from a model: any sentence of the
// grammar (see the package's documentation) is judged; anything else is an error that names the word.
//
// "a red circle" is true when there is at least one; "two red circles" when there are exactly two. Every phrase of
// a caption stands for objects of its own: "a red circle and a red shape" needs two red objects. In "two circles
// left of a square" both circles must be left of it.
func (s Scene) True(caption string) (bool, error) {
	st, err := parse(caption)
	if err != nil {
		return false, err
	}
	return s.holds(st), nil
}

// set is a set of objects: bit k for object k.
type set uint8

// holds says whether objects can be given to the phrases so that all of them are true together.
func (s Scene) holds(st statement) bool {
	given := make([]set, 0, MostObjects)
	return s.assign(st, given, 0, func([]set) bool { return true })
}

// assign gives objects to the phrase after those in given, whose objects are used, and then to all that follow. It hands
// found each way that makes the statement true, until found says that it has seen enough.
func (s Scene) assign(st statement, given []set, used set, found func(given []set) bool) bool {
	if len(given) == len(st.groups) {
		return (st.place == "" || s.allAt(given[0], given[1], st.place)) && found(given)
	}
	for _, objects := range s.choices(st.groups[len(given)]) {
		if objects&used == 0 && s.assign(st, append(given, objects), used|objects, found) {
			return true
		}
	}
	return false
}

// choices lists the sets of objects that a phrase may stand for: any one that fits for "a", all that fit for the
// right number, none for a wrong one.
func (s Scene) choices(p phrase) []set {
	var each []set
	var all set
	for k, o := range s.Objects {
		if p.fits(o) {
			each = append(each, 1<<k)
			all |= 1 << k
		}
	}
	switch p.count {
	case 0:
		return each
	case len(each):
		return []set{all}
	}
	return nil
}

// allAt says whether every object of a is at the place, seen from every object of b.
func (s Scene) allAt(a, b set, place Place) bool {
	for i := range s.Objects {
		for j := range s.Objects {
			if a>>i&1 == 1 && b>>j&1 == 1 && !s.Related(i, j, place) {
				return false
			}
		}
	}
	return true
}
