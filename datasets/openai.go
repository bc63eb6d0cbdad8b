package datasets

// What OpenAI published beside CLIP, at the commit that the golden numbers were made with. Sizes and sha256 are those of
// the files in that commit of github.com/openai/CLIP; other projects state the same sha256 of the vocabulary.

const (
	openaiCommit = "https://raw.githubusercontent.com/openai/CLIP/d05afc436d78f1c48dc0dbf8e5980a9d471f35f6/"
	openaiTerms  = "MIT licence"
	openaiSource = "Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision"
)

// vocabularyEntry takes in the form that Hugging Face gave the same vocabulary, whose sha256 the golden files state.
func vocabularyEntry() Entry {
	packed := File{"bpe_simple_vocab_16e6.txt.gz", 1_356_917, "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"}
	return Entry{
		Name:        "clip-vocab",
		Description: "the byte-pair vocabulary of CLIP's published models: 49,408 ids (no pictures)",
		Source:      openaiSource,
		Terms:       openaiTerms,
		Publisher:   "https://github.com/openai/CLIP",
		Layouts: []Layout{
			{"as published", []File{packed}},
			{"Hugging Face's", []File{{"merges.txt", 524_619, "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a"}}},
		},
		Downloads: []Download{{openaiCommit + "clip/" + packed.Path, packed}},
		Also:      "../golden/clip/tokenizer",
	}
}

func promptsEntry() Entry {
	prompts := File{"prompts.md", 72_430, "f98d2d25e78cc1fee650240b519f7cb58a83cfcc5aa538cde52514809cf4a1c9"}
	imagenet := File{"Prompt_Engineering_for_ImageNet.ipynb", 58_983, "1788d6598fedcea5ba835dbab218ba2e3c2384871d334ae773ccae53f265eade"}
	return Entry{
		Name:        "clip-prompts",
		Description: "class names and prompt templates of 27 data sets, with which CLIP's zero-shot accuracies were measured (no pictures)",
		Source:      openaiSource,
		Terms:       openaiTerms,
		Publisher:   "https://github.com/openai/CLIP/blob/main/data/prompts.md",
		Layouts:     []Layout{{"as published", []File{prompts, imagenet}}},
		Downloads: []Download{
			{openaiCommit + "data/" + prompts.Path, prompts},
			{openaiCommit + "notebooks/" + imagenet.Path, imagenet},
		},
	}
}
