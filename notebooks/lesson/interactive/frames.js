(function (root, data) {
  "use strict";
  var slider = root.querySelector("input"), said = root.querySelector("output"), frames = root.querySelectorAll(".frame");
  slider.addEventListener("input", function () {
    var chosen = Number(slider.value);
    frames.forEach(function (frame, i) { frame.style.display = i === chosen ? "block" : "none"; });
    said.textContent = data.values[chosen];
    slider.setAttribute("aria-valuetext", data.values[chosen]);
  });
})
