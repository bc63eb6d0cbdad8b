package judge

// Asked are the labels of a round of samples: each pair once, the pairs that are never seen in training three times.
func Asked() (all []Label) {
	all = Labels()
	for range 2 {
		for _, l := range Labels() {
			if l.HeldOut() {
				all = append(all, l)
			}
		}
	}
	return all
}

// Prompts are the sentences that ask for them.
func Prompts(labels []Label) (texts []string) {
	for _, l := range labels {
		texts = append(texts, l.Prompt())
	}
	return texts
}
