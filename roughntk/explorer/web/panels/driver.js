panels.driver = { title: "The driver", intro: "", mount(root, data, tools) { root.append(tools.note(`n = ${data.n}`).element); } };
