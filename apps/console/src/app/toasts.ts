export type Toast = {
  id: number;
  severity: "danger" | "warning" | "success" | "info";
  title: string;
  detail?: string;
  /** Where to read more, inside the console. */
  link?: { to: string; text: string };
};

export type Toasts = {
  get(): readonly Toast[];
  subscribe(listener: () => void): () => void;
  show(toast: Omit<Toast, "id">): void;
  dismiss(id: number): void;
};

const maxShown = 5;

/** Keeps the newest notifications; the same words twice count once. */
export function createToasts(): Toasts {
  let toasts: readonly Toast[] = [];
  let nextId = 1;
  const listeners = new Set<() => void>();
  const set = (next: readonly Toast[]) => {
    toasts = next;
    for (const listener of listeners) listener();
  };
  return {
    get: () => toasts,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    show(toast) {
      const others = toasts.filter((old) => old.title !== toast.title || old.detail !== toast.detail);
      set([...others, { ...toast, id: nextId++ }].slice(-maxShown));
    },
    dismiss: (id) => set(toasts.filter((toast) => toast.id !== id)),
  };
}
