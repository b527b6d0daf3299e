import { describe, expect, it } from 'vitest';
import { TaskRequests, type TaskRequest } from '../../src/ledger/taskRequests.ts';

describe('TaskRequests', () => {
  it('serves who has waited longest of those that take the type', () => {
    const requests = filled(request('1', ['a']), request('2'), request('3', ['b', 'a']));

    expect(requests.next('a')?.id).toBe('1');
    expect(requests.next('b')?.id).toBe('2');
    requests.take(request('2'));
    expect(requests.next('b')?.id).toBe('3');
    expect(requests.next('c')).toBeUndefined();
    expect(['a', 'b', 'c'].map((type) => requests.count(type))).toEqual([2, 1, 0]);
  });

  it('says whether a request could still be withdrawn', () => {
    const requests = filled(request('1'), request('2'));
    requests.take(request('1'));

    expect(requests.withdraw('1')).toBe(false);
    expect(requests.withdraw('2')).toBe(true);
    expect(requests.withdraw('2')).toBe(false);
    expect(requests.size).toBe(0);
  });

  it('puts those back in front that a turn had taken', () => {
    const requests = filled(request('1'), request('2'), request('3'));
    const taken = [request('1'), request('2')];
    for (const each of taken) requests.take(each);
    requests.add(request('4'));
    requests.putBack(taken);

    const order: string[] = [];
    for (let next = requests.next('a'); next !== undefined; next = requests.next('a')) {
      order.push(next.id);
      requests.take(next);
    }
    expect(order).toEqual(['1', '2', '3', '4']);
  });
});

function filled(...all: TaskRequest[]): TaskRequests {
  const requests = new TaskRequests();
  for (const each of all) requests.add(each);
  return requests;
}

function request(id: string, types?: string[]): TaskRequest {
  return { id, workerId: 'w', types: types === undefined ? null : new Set(types) };
}
