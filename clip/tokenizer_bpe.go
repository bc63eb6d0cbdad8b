package clip

// appendWord appends the ids of one word, which is not empty.
func (t *Tokenizer) appendWord(ids []int32, word string) []int32 {
	if known, ok := t.known.Get(word); ok {
		return append(ids, known...)
	}
	symbols := t.split(word)
	t.known.Put(word, symbols)
	return append(ids, symbols...)
}

// split cuts one word into symbols: its bytes, the last of which ends it, merged by rank until no learned pair is left.
func (t *Tokenizer) split(word string) []int32 {
	n := len(word)
	symbols := make([]int32, n)
	for i := range n {
		symbols[i] = t.first[word[i]]
	}
	symbols[n-1] = t.last[word[n-1]]
	return t.rules.Merge(symbols)
}
