import { describe, expect, test } from 'vitest';
import { isJson } from './content-type.ts';

describe('JSON in UTF-8', () => {
  test.each([
    'application/json',
    'Application/JSON',
    'application/problem+json',
    'application/vnd.shop.order+json',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json ;\tcharset="utf-8"',
    'application/json; version=1; charset=utf-8; profile="a b"',
  ])('%j is accepted', (type) => expect(isJson(type)).toBe(true));
});

describe('what another reader might take for something else', () => {
  test.each([
    undefined,
    '',
    'text/plain',
    'text/json',
    'application/jsonp',
    'application/xml+jsonx',
    'application/json; charset=utf-7',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/json; charset=utf-8; charset=utf-7',
    'application/json; charset=utf-8; CHARSET=utf-8',
    'application/json; charset="utf-7"',
    'application/json; charset=',
    'application/json; charset = utf-8',
    'application/json;',
    'application/json; utf-8',
    'application/json charset=utf-8',
    'application/json, text/plain',
    'application/ json',
    'application /json',
    ' application/json',
    'application/json\u00a0',
    'application/json\u00a0; charset=utf-8',
    'application/json\u000b',
    'application/json; charset=utf-8\u00a0',
    'application/+json',
    'multipart/form-data; boundary=application/json',
  ])('%j is refused', (type) => expect(isJson(type)).toBe(false));
});
