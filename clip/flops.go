package clip

// GFLOPs is the work of one picture and one text of full length, in 10^9 floating-point operations, of which a
// multiplication and the addition behind it are two. Counted is what open_clip's profile table counts: the products of
// convolutions, of linear layers and of attention (query by key, weights by values); not norms, activations, softmax,
// additions, or pooling. In the attention pool of a ResNet, open_clip (as OpenAI's code) lets every position query and drops
// all answers but the first; that is counted too, so that the numbers are the table's. Ours asks the one query: RN50 takes
// 17.55 rather than 18.18. Likewise the last block of a transformer, of which ours computes one token's query and network ([Config.Spared]).
func (c Config) GFLOPs() float64 {
	return 2 * float64(c.Vision.multiplications(c.EmbedDim)+c.Text.multiplications(c.EmbedDim)) / 1e9
}

func (t TextConfig) multiplications(embedDim int) int64 {
	return t.blocks().multiplications(t.ContextLength) + int64(t.Width)*int64(embedDim)
}

// multiplications of a sequence of l positions through all blocks.
func (t transformer) multiplications(l int) int64 {
	w, n := int64(t.width), int64(l)
	linear := n * (4*w*w + 2*w*int64(t.mlp))
	attention := 2 * n * n * w
	return int64(t.layers) * (linear + attention)
}

func (v VisionConfig) multiplications(embedDim int) int64 {
	h, w, d := int64(v.Height), int64(v.Width), int64(embedDim)
	p := int64(max(v.Patch, 1))
	switch {
	case v.ViT != nil:
		width, patches := int64(v.ViT.Width), (h/p)*(w/p)
		return patches*3*p*p*width + v.ViT.blocks().multiplications(int(patches)+1) + width*d
	case v.ResNet != nil:
		return v.ResNet.multiplications(h, w, d)
	}
	in, total := int64(3), int64(0)
	for i, stage := range v.Stages {
		out, positions := int64(stage.Channels), (h/p>>i)*(w/p>>i)
		kernel := int64(1)
		if i == 0 {
			kernel = p * p
		}
		total += positions * (kernel*in*out + int64(stage.Blocks)*2*9*out*out)
		in = out
	}
	return total + in*d
}

func (r ResNetConfig) multiplications(h, w, embedDim int64) int64 {
	width := int64(r.Width)
	half := (h / 2) * (w / 2)
	total := half * 9 * (3*width/2 + width/2*width/2 + width/2*width)
	in, before := width, (h/4)*(w/4) // what goes into a block
	for i, blocks := range r.Blocks {
		planes, after := width<<i, (h/4>>i)*(w/4>>i)
		for j := range blocks {
			out := planes * expansion
			total += before*(in*planes+9*planes*planes) + after*planes*out
			if j == 0 {
				total += after * in * out
			}
			in, before = out, after
		}
	}
	l := before + 1
	return total + l*(3*in*in+2*l*in+in*embedDim)
}

// Spared is what the towers here leave out of [Config.ImageOperations] and [Config.TextOperations], in operations: in the last block of a transformer
// queries, what attention reads, its output and the network of all tokens but one; in the attention pool of a ResNet the same, without a network.
func (c Config) Spared() (image, text float64) {
	switch v := c.Vision; {
	case v.ViT != nil:
		image = 2 * float64(v.ViT.blocks().spared(1+(v.Height/v.Patch)*(v.Width/v.Patch)))
	case v.ResNet != nil:
		h, w, in := v.Grid()
		l, d := int64(1+h*w), int64(in)
		image = 2 * float64((l-1)*(d*d+2*l*d+d*int64(c.EmbedDim)))
	}
	return image, 2 * float64(c.Text.blocks().spared(c.Text.ContextLength))
}

func (t transformer) spared(l int) int64 {
	if t.layers == 0 {
		return 0
	}
	w, n := int64(t.width), int64(l)
	return (n - 1) * (2*w*w + 2*w*int64(t.mlp) + 2*n*w)
}

// ImageOperations is the image's part of [Config.GFLOPs], in operations.
func (c Config) ImageOperations() float64 { return 2 * float64(c.Vision.multiplications(c.EmbedDim)) }

// TextOperations is the text's part of [Config.GFLOPs], in operations.
func (c Config) TextOperations() float64 { return 2 * float64(c.Text.multiplications(c.EmbedDim)) }
