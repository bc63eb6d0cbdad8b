package resnet_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/captioning/resnet"
)

// ResNet-50 by the numbers of table 1: what attention moves over, for pictures of 224 pixels.
func ExampleConfig() {
	resnet50 := resnet.Config{Stem: 64, Bottleneck: true, Stages: []resnet.Stage{
		{Blocks: 3, Inside: 64, Channels: 256}, {Blocks: 4, Inside: 128, Channels: 512},
		{Blocks: 6, Inside: 256, Channels: 1024}, {Blocks: 3, Inside: 512, Channels: 2048},
	}}
	grid, err := resnet50.Grid(224)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d x %d places of %d numbers\n", grid, grid, resnet50.Channels())
	fmt.Println("the first convolution:", resnet50.Shapes()["conv1.weight"])
	// Output:
	// 7 x 7 places of 2048 numbers
	// the first convolution: [64 3 7 7]
}
