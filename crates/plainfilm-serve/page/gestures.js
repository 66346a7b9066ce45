// Mouse, touch and keys on the viewer.

/** `turn(step)` goes to the previous or the next film. */
export function gestures(frame, viewer, turn) {
  const pointers = new Map();
  const place = (event) => {
    const box = viewer.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  frame.addEventListener('wheel', (event) => {
    event.preventDefault();
    viewer.zoomBy(Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015)), ...place(event));
  }, { passive: false });

  frame.addEventListener('pointerdown', (event) => {
    if (event.target.closest('button') || event.button > 0) return;
    frame.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
  });
  frame.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = place(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const gap = ([x, y]) => Math.max(1, Math.hypot(x - other[0], y - other[1]));
      viewer.move((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      viewer.zoomBy(gap(now) / gap(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else {
      viewer.move(now[0] - before[0], now[1] - before[1]);
    }
    pointers.set(event.pointerId, now);
  });
  const lift = (event) => pointers.delete(event.pointerId);
  frame.addEventListener('pointerup', lift);
  frame.addEventListener('pointercancel', lift);
  frame.addEventListener('dblclick', (event) => {
    if (!event.target.closest('button')) viewer.zoomBy(2, ...place(event));
  });

  const keys = {
    '+': () => viewer.zoomBy(1.25),
    '=': () => viewer.zoomBy(1.25),
    '-': () => viewer.zoomBy(0.8),
    0: () => viewer.fit(),
    ArrowLeft: () => viewer.move(40, 0),
    ArrowRight: () => viewer.move(-40, 0),
    ArrowUp: () => viewer.move(0, 40),
    ArrowDown: () => viewer.move(0, -40),
    PageUp: () => turn(-1),
    PageDown: () => turn(1),
  };
  frame.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('button') || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
}
