// A picture with boxes, which can be drawn, chosen, moved, resized and deleted.

const svgElement = (name, attributes) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Zooms are the sizes of the picture, in terms of that at which all of it is seen.
const zooms = [1, 1.5, 2, 3, 4, 6, 8];

const smallest = 3; // pixels of the screen: what is less was a click

export class Picture {
  // onChange is called with the boxes after a person has changed them, and onSelect with
  // the index of the box that was chosen, or -1.
  constructor({ frame, stage, image, svg, onChange, onSelect }) {
    Object.assign(this, { frame, stage, image, svg, onChange, onSelect });
    this.boxes = [];
    this.selected = -1;
    this.level = 0;
    this.drawing = false;
    this.drag = null;
    svg.addEventListener("pointerdown", (event) => this.begin(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", (event) => this.end(event));
    svg.addEventListener("pointercancel", () => this.abort());
    image.addEventListener("load", () => this.layout());
    new ResizeObserver(() => this.layout()).observe(frame);
  }

  get width() { return this.image.naturalWidth; }
  get height() { return this.image.naturalHeight; }
  get zoom() { return zooms[this.level]; }

  // show shows boxes. The picture itself is that of the img element.
  show(boxes) {
    this.boxes = boxes.map((box) => [...box]);
    this.selected = Math.min(this.selected, boxes.length - 1);
    this.draw();
  }

  // layout fits the picture into its frame.
  layout() {
    if (!this.width) return;
    this.frame.style.setProperty("--ratio", this.width / this.height);
    const fit = Math.min(this.frame.clientWidth / this.width, this.frame.clientHeight / this.height);
    this.stage.style.width = `${Math.floor(this.width * fit * this.zoom)}px`;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    this.draw();
  }

  setZoom(step) {
    this.level = clamp(this.level + step, 0, zooms.length - 1);
    this.layout();
    const box = this.boxes[this.selected];
    if (box) this.reveal(box);
  }

  reveal(box) {
    const scale = this.stage.clientWidth / this.width;
    this.frame.scrollTo(
      ((box[0] + box[2]) / 2) * scale - this.frame.clientWidth / 2,
      ((box[1] + box[3]) / 2) * scale - this.frame.clientHeight / 2,
    );
  }

  // setDrawing makes every pointer draw, also a finger, which scrolls otherwise.
  setDrawing(on) {
    this.drawing = on;
    this.svg.classList.toggle("drawing", on);
  }

  select(index) {
    this.selected = index;
    this.draw();
    this.onSelect(index);
  }

  // add adds a box, or one in the middle, and returns its index.
  add(box) {
    const [w, h] = [this.width || 100, this.height || 100];
    const middle = [w * 0.4, h * 0.4, w * 0.6, h * 0.6];
    this.boxes.push(this.whole(box ?? middle));
    this.changed();
    this.select(this.boxes.length - 1);
    return this.selected;
  }

  remove(index) {
    this.boxes.splice(index, 1);
    this.selected = -1;
    this.changed();
  }

  // shift moves a box, or with resize its lower right corner.
  shift(index, dx, dy, resize) {
    const [x0, y0, x1, y1] = this.boxes[index];
    if (resize) {
      this.boxes[index] = this.whole([x0, y0, Math.max(x1 + dx, x0 + 1), Math.max(y1 + dy, y0 + 1)]);
    } else {
      const x = clamp(dx, -x0, this.width - x1), y = clamp(dy, -y0, this.height - y1);
      this.boxes[index] = this.whole([x0 + x, y0 + y, x1 + x, y1 + y]);
    }
    this.changed();
  }

  changed() {
    this.draw();
    this.onChange(this.boxes.map((box) => [...box]));
  }

  // whole makes a box of whole pixels that lies within the picture.
  whole([x0, y0, x1, y1]) {
    const w = this.width || Infinity, h = this.height || Infinity;
    const left = clamp(Math.floor(Math.min(x0, x1)), 0, w - 1), top = clamp(Math.floor(Math.min(y0, y1)), 0, h - 1);
    return [left, top, clamp(Math.ceil(Math.max(x0, x1)), left + 1, w), clamp(Math.ceil(Math.max(y0, y1)), top + 1, h)];
  }

  at(event) {
    const rect = this.svg.getBoundingClientRect();
    return [((event.clientX - rect.left) / rect.width) * this.width, ((event.clientY - rect.top) / rect.height) * this.height];
  }

  begin(event) {
    if (event.button !== 0 || !event.isPrimary || !this.width) return;
    const index = Number(event.target.dataset?.index ?? -1);
    const touch = event.pointerType === "touch";
    if (!this.drawing && touch && index < 0) {
      this.select(-1);
      return; // the finger scrolls
    }
    event.preventDefault();
    this.svg.setPointerCapture(event.pointerId);
    const before = this.boxes.map((box) => [...box]);
    if (this.drawing || index < 0) {
      this.drag = { kind: "draw", from: this.at(event), start: event, before };
    } else {
      const resize = event.target.classList.contains("corner");
      const chosen = index === this.selected; // a finger that only wants to scroll moves nothing
      this.select(index);
      if (!touch || chosen || resize) this.drag = { kind: resize ? "resize" : "move", index, last: this.at(event), before };
    }
  }

  move(event) {
    const drag = this.drag;
    if (!drag) return;
    const to = this.at(event);
    if (drag.kind === "draw") {
      drag.box = this.whole([...drag.from, ...to]);
      this.draw();
    } else {
      const [dx, dy] = [Math.round(to[0] - drag.last[0]), Math.round(to[1] - drag.last[1])];
      drag.last = [drag.last[0] + dx, drag.last[1] + dy];
      if (dx || dy) this.shift(drag.index, dx, dy, drag.kind === "resize");
    }
  }

  end(event) {
    const drag = this.drag;
    this.drag = null;
    if (drag?.kind !== "draw") return;
    const far = Math.max(Math.abs(event.clientX - drag.start.clientX), Math.abs(event.clientY - drag.start.clientY));
    if (drag.box && far >= smallest) {
      this.add(drag.box);
    } else {
      this.select(-1);
    }
  }

  // abort takes back what a pointer has begun, which the browser has taken for something else.
  abort() {
    const drag = this.drag;
    this.drag = null;
    if (drag && drag.kind !== "draw") this.boxes = drag.before;
    if (drag) this.changed();
  }

  draw() {
    const unit = this.stage.clientWidth ? this.width / this.stage.clientWidth : 1; // a pixel of the screen
    const shapes = this.boxes.map((box, index) => this.shape(box, index, unit));
    if (this.drag?.box) shapes.push(this.outline(this.drag.box, "new"));
    this.svg.replaceChildren(...shapes);
  }

  shape(box, index, unit) {
    const group = svgElement("g", { class: index === this.selected ? "box selected" : "box" });
    const rect = this.outline(box, "line"), area = this.outline(box, "area");
    area.dataset.index = index;
    const size = 14 * unit, inside = box[1] < size * 1.3;
    const label = svgElement("text", { x: box[0] + 2 * unit, y: inside ? box[1] + size : box[1] - 4 * unit, "font-size": size });
    label.textContent = index + 1;
    group.append(this.outline(box, "halo"), rect, label, area);
    if (index === this.selected) {
      const corner = svgElement("rect", { x: box[2] - 8 * unit, y: box[3] - 8 * unit, width: 16 * unit, height: 16 * unit, class: "corner" });
      corner.dataset.index = index;
      group.append(corner);
    }
    return group;
  }

  outline([x0, y0, x1, y1], name) {
    return svgElement("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: name });
  }
}
