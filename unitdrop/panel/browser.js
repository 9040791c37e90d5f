// Files, clicks, the width and the clipboard: what ipywidgets have no widget for. See browser.py.

const NARROW = 740 // pixels
const PATIENCE = 60_000 // milliseconds until the kernel has taken a file

const made = (parent, kind, traits) => parent.appendChild(Object.assign(document.createElement(kind), traits))
const megabytes = bytes => (bytes / 1e6).toFixed(1)

function upload(model, el, signal) {
  const limit = model.get('limit')
  const elsewhere = words => model.get('folders') ? words : ''
  const input = made(el, 'input', {type: 'file', accept: 'image/*', multiple: true, hidden: true})
  const button = made(el, 'button', {
    className: 'jupyter-button ud-choose', textContent: 'Choose files …', type: 'button',
    title: `Images of up to ${megabytes(limit)} MB each${elsewhere('; for larger ones give their folder below')}.`,
  })
  button.style.width = '130px'
  const words = made(el, 'span', {})
  words.style.cssText = 'white-space: pre-line; margin-left: 10px; line-height: 28px'
  const hint = `or drop them anywhere on the panel: images of up to ${megabytes(limit)} MB each` +
    elsewhere('; larger ones by their folder, below')
  words.textContent = hint

  const taken = () => new Promise(done => {
    const heard = message => message.kind === 'taken' && finish()
    const finish = () => { clearTimeout(timer); model.off('msg:custom', heard); done() }
    const timer = setTimeout(finish, PATIENCE)
    model.on('msg:custom', heard)
  })
  const send = async files => {
    const refused = []
    for (const file of files) {
      if (file.size > limit) {
        refused.push(`${file.name}: ${megabytes(file.size)} MB, more than the ${megabytes(limit)} MB that can ` +
          `be uploaded${elsewhere('; give its folder below instead')}`)
        continue
      }
      words.textContent = `sending ${file.name} …`
      let bytes
      try {
        bytes = await file.arrayBuffer()
      } catch { // a folder, or gone meanwhile
        refused.push(`${file.name}: cannot be read${elsewhere('; a folder is given by its path, below')}`)
        continue
      }
      const answer = taken()
      model.send({kind: 'file', name: file.name}, undefined, [bytes])
      await answer
    }
    words.textContent = refused.join('\n') || hint
    words.style.color = refused.length ? 'var(--jp-error-color1, #c62828)' : ''
    if (refused.length) model.send({kind: 'refused', words: refused.join('\n')}) // this place may be folded away
  }
  button.addEventListener('click', () => input.click(), {signal})
  input.addEventListener('change', () => { send([...input.files]); input.value = '' }, {signal})
  return send
}

function dropping(panel, send, signal) {
  const files = event => event.dataTransfer?.types.includes('Files')
  const over = on => panel.classList.toggle('ud-over', on)
  const take = event => { event.preventDefault(); event.stopPropagation() }
  panel.addEventListener('dragover', event => { if (files(event)) { take(event); over(true) } }, {signal})
  panel.addEventListener('dragleave', event => { if (!panel.contains(event.relatedTarget)) over(false) }, {signal})
  panel.addEventListener('drop', event => {
    if (files(event)) { take(event); over(false); send([...event.dataTransfer.files]) }
  }, {signal})
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
  } catch { // a page that is not served over https: the old way
    const area = made(document.body, 'textarea', {value: text})
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    if (!done) return false
  }
  return true
}

function clicks(panel, model, signal) {
  const copied = {'ud-copy-code': ['.ud-code textarea', 'Python'],
    'ud-copy-settings': ['.ud-settings input', 'settings']}
  panel.addEventListener('click', async event => {
    const image = event.target.closest('img.ud-tiles, img.ud-frame')
    if (image) {
      const {left, top, width, height} = image.getBoundingClientRect()
      const kind = image.classList.contains('ud-tiles') ? 'tile' : 'curve'
      model.send({kind, x: (event.clientX - left) / width, y: (event.clientY - top) / height})
    }
    for (const [name, [source, what]] of Object.entries(copied)) {
      if (event.target.closest(`.${name}`)) {
        const done = await copy(panel.querySelector(source).value)
        model.send(done ? {kind: 'copied', what}
          : {kind: 'refused', words: `${what}: the browser does not let it be copied; select the text instead`})
      }
    }
  }, {signal})
}

function titles(panel, model, signal) { // where ipywidgets show a tooltip at most on the label
  const set = () => {
    for (const [name, words] of Object.entries(model.get('titles'))) {
      const widget = panel.querySelector(`.ud-${name}`)
      if (widget) widget.title = words
    }
  }
  set()
  model.on('change:titles', set)
  signal.addEventListener('abort', () => model.off('change:titles', set))
}

function watchWidth(panel, model, signal) {
  let before // of this view: what it has said once, another view of the same panel may gainsay
  const observer = new ResizeObserver(() => {
    const room = panel.parentElement?.clientWidth
    if (!room || room === before) return
    before = room
    if (model.get('narrow') !== room < NARROW) {
      model.set('narrow', room < NARROW)
      model.save_changes()
    }
  })
  observer.observe(panel.parentElement)
  signal.addEventListener('abort', () => observer.disconnect())
}

function download({kind, name}, [content]) {
  if (kind !== 'download') return
  const href = URL.createObjectURL(new Blob([content]))
  const link = made(document.body, 'a', {href, download: name, hidden: true})
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(href), PATIENCE)
}

function initialize({model}) { // once, however many views there are
  model.on('msg:custom', download)
  return () => model.off('msg:custom', download)
}

function render({model, el}) {
  const gone = new AbortController(), {signal} = gone
  const send = upload(model, el, signal)
  const attach = () => {
    const panel = el.closest('.ud-panel')
    if (signal.aborted) return
    if (!panel?.parentElement) return requestAnimationFrame(attach)
    dropping(panel, send, signal)
    clicks(panel, model, signal)
    titles(panel, model, signal)
    watchWidth(panel, model, signal)
  }
  attach()
  return () => gone.abort()
}

export default {initialize, render}
