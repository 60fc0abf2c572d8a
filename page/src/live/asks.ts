// Questions to the server, each with one answer. Where it says no, its sentence is what is thrown.

export async function ask<T>(path: string, wanted: Record<string, string | number> = {}): Promise<T> {
  return answer<T>(await reach(`${path}?${query(wanted)}`));
}

export async function order<T>(path: string, body: object): Promise<T> {
  return answer<T>(await reach(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
}

export function query(wanted: Record<string, string | number>): string {
  return new URLSearchParams(Object.entries(wanted).map(([name, value]) => [name, String(value)])).toString();
}

async function reach(path: string, how?: RequestInit): Promise<Response> {
  try {
    return await fetch(path, how);
  } catch {
    throw new Error("The server doesn't answer. Is pikos serve still running?");
  }
}

export async function answer<T>(response: Response): Promise<T> {
  const told = (await response.json().catch(() => null)) as (T & { error?: string }) | null;
  if (!response.ok || told === null) throw new Error(told?.error ?? `The server answered ${response.status} ${response.statusText}.`);
  return told;
}

export const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));
