// Controls made from what the API says of a setting. None can hold what can't be sent.

const TYPED = 600; // ms after the last key: the 1 of a rate of 144 is not one that is wanted
const RANGE_STEPS = 8; // a whole number of so many values at most is a slider

/** What schema each control is for. */
export function makeField(key, setting, change) {
  const kind = kindOf(setting.schema);
  return kind && new KINDS[kind](key, setting, change);
}

function kindOf(schema) {
  if (schema.type === "boolean") return "switch";
  if (schema.enum) return "choice";
  if (schema.anyOf?.some((each) => each.const === "random")) return "seed";
  if (schema.type === "integer") return schema.maximum - schema.minimum < RANGE_STEPS ? "range" : "number";
  if (schema.type === "number") return schema.maximum - schema.minimum <= 1 ? "range" : "number";
  return null; // what is text has a place of its own
}

const make = (tag, more = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), more);
  element.append(...children);
  return element;
};

export const wordOf = (key) => key[0].toUpperCase() + key.slice(1).replaceAll("-", " ");

class Field {
  constructor(key, setting, change) {
    this.key = key;
    this.setting = setting;
    this.change = (value) => change({ [key]: value });
    const id = `set-${key}`;
    this.input = this.control();
    this.input.id = id;
    this.label = make("label", { htmlFor: id, textContent: wordOf(key), title: setting.help });
    this.help = make("small", { id: `${id}-help`, textContent: setting.help });
    this.input.setAttribute("aria-describedby", this.help.id);
    this.error = make("p", { className: "error" });
    this.error.dataset.error = key;
    this.error.setAttribute("role", "alert");
    this.element = make("div", { className: `field is-${kindOf(setting.schema)}` },
      this.label, this.input, ...this.beside(), this.help, this.error);
  }

  beside() {
    return [];
  }

  /** Whether somebody is typing there: then nothing else is shown in it. */
  get busy() {
    return this.input === document.activeElement && ["text", "number"].includes(this.input.type);
  }
}

class Switch extends Field {
  control() {
    const input = make("input", { type: "checkbox", onchange: () => this.change(input.checked) });
    return input;
  }

  show(value) {
    this.input.checked = value;
  }
}

class Choice extends Field {
  control() {
    const options = this.setting.schema.enum.map((each) => make("option", { textContent: each }));
    return make("select", { onchange: () => this.change(this.input.value) }, ...options);
  }

  show(value) {
    this.input.value = value;
  }
}

class Range extends Field {
  control() {
    const { minimum, maximum, type } = this.setting.schema;
    this.digits = type === "integer" ? 0 : 2;
    const step = type === "integer" ? 1 : 0.01;
    const min = Math.ceil(minimum / step) * step; // or no step would be a round number
    this.value = make("output", { textContent: "–" });
    return make("input", { type: "range", min, max: maximum, step, oninput: () => {
      this.write();
      this.change(this.input.valueAsNumber);
    } });
  }

  beside() {
    this.value.htmlFor.add(this.input.id);
    return [this.value];
  }

  show(value) {
    this.input.value = value;
    this.write();
  }

  write() {
    const text = this.input.valueAsNumber.toFixed(this.digits);
    if (this.value.textContent !== text) this.value.textContent = text;
  }
}

class Num extends Field {
  control() {
    const { minimum, maximum, type } = this.setting.schema;
    this.isWhole = type === "integer";
    return make("input", {
      type: "number", min: minimum, max: maximum, step: this.isWhole ? 1 : "any", inputMode: "decimal",
      oninput: () => {
        clearTimeout(this.waits);
        this.waits = setTimeout(() => this.input.value && this.input.checkValidity() && this.send(), TYPED);
      },
      onchange: () => this.settle(),
    });
  }

  send() {
    clearTimeout(this.waits);
    if (this.input.valueAsNumber === this.sent) return;
    this.sent = this.input.valueAsNumber;
    this.change(this.sent);
  }

  /** Whoever leaves it finds it with what can be sent: within the limits, emptied the default. */
  settle() {
    const { minimum, maximum } = this.setting.schema;
    let value = this.input.valueAsNumber;
    if (!Number.isFinite(value)) value = this.setting.default ?? minimum;
    value = Math.min(maximum, Math.max(minimum, this.isWhole ? Math.round(value) : value));
    this.input.value = value;
    this.send();
  }

  show(value) {
    this.input.value = value;
    this.sent = value;
  }
}

class Seed extends Field {
  control() {
    const limits = this.setting.schema.anyOf.find((each) => each.type);
    return make("input", {
      type: "text", inputMode: "numeric", placeholder: "random", autocomplete: "off", maxLength: 10,
      oninput: () => {
        const digits = this.input.value.replace(/\D/g, "");
        const value = digits && Math.min(limits.maximum, Math.max(limits.minimum, Number(digits)));
        if (this.input.value !== String(value)) this.input.value = value;
        this.change(value === "" ? "random" : value);
      },
    });
  }

  beside() {
    const dice = make("button", { type: "button", className: "quiet", title: "Another seed",
      onclick: () => this.change("random") });
    dice.setAttribute("aria-label", "Another seed");
    dice.innerHTML = '<svg><use href="#i-dice"/></svg>';
    return [dice];
  }

  show(value) {
    this.input.value = value;
  }
}

const KINDS = { switch: Switch, choice: Choice, range: Range, number: Num, seed: Seed };
