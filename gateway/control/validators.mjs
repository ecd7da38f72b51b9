// Written by `npm run docs` from schemas/intents, with ajv. Don't edit it.
var __getOwnPropNames = Object.getOwnPropertyNames;
var __commonJS = (cb, mod) => function __require() {
  try {
    return mod || (0, cb[__getOwnPropNames(cb)[0]])((mod = { exports: {} }).exports, mod), mod.exports;
  } catch (e) {
    throw mod = 0, e;
  }
};

// node_modules/ajv/dist/runtime/ucs2length.js
var require_ucs2length = __commonJS({
  "node_modules/ajv/dist/runtime/ucs2length.js"(exports) {
    "use strict";
    Object.defineProperty(exports, "__esModule", { value: true });
    function ucs2length(str) {
      const len = str.length;
      let length = 0;
      let pos = 0;
      let value;
      while (pos < len) {
        length++;
        value = str.charCodeAt(pos++);
        if (value >= 55296 && value <= 56319 && pos < len) {
          value = str.charCodeAt(pos);
          if ((value & 64512) === 56320)
            pos++;
        }
      }
      return length;
    }
    exports.default = ucs2length;
    ucs2length.code = 'require("ajv/dist/runtime/ucs2length").default';
  }
});

// <stdin>
var block = validate20;
var schema31 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/block.schema.json", "title": "Refuses the sources of a prefix for some time", "type": "object", "additionalProperties": false, "required": ["prefix", "for_s"], "properties": { "prefix": { "description": "an address or a prefix, such as 203.0.113.9, 203.0.113.0/24 or 2001:db8::/48; a bare IPv6 address means its /64", "type": "string", "minLength": 1, "maxLength": 64 }, "for_s": { "description": "how long, in seconds: 30 days at most", "type": "integer", "minimum": 1, "maximum": 2592e3 }, "why": { "description": "free words for people", "type": "string", "maxLength": 200, "default": "" }, "force": { "description": "also all of IPv4 or IPv6", "type": "boolean", "default": false } } };
var func1 = require_ucs2length().default;
function validate20(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate20.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      if (data.why === void 0) {
        data.why = "";
      }
      if (data.force === void 0) {
        data.force = false;
      }
      let missing0;
      if (data.prefix === void 0 && (missing0 = "prefix") || data.for_s === void 0 && (missing0 = "for_s")) {
        validate20.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'", schema: schema31.required, parentSchema: schema31, data }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "prefix" || key0 === "for_s" || key0 === "why" || key0 === "force")) {
            validate20.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema31, data }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.prefix !== void 0) {
            let data0 = data.prefix;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func1(data0) > 64) {
                  validate20.errors = [{ instancePath: instancePath + "/prefix", schemaPath: "#/properties/prefix/maxLength", keyword: "maxLength", params: { limit: 64 }, message: "must NOT have more than 64 characters", schema: 64, parentSchema: schema31.properties.prefix, data: data0 }];
                  return false;
                } else {
                  if (func1(data0) < 1) {
                    validate20.errors = [{ instancePath: instancePath + "/prefix", schemaPath: "#/properties/prefix/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters", schema: 1, parentSchema: schema31.properties.prefix, data: data0 }];
                    return false;
                  }
                }
              } else {
                validate20.errors = [{ instancePath: instancePath + "/prefix", schemaPath: "#/properties/prefix/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema31.properties.prefix.type, parentSchema: schema31.properties.prefix, data: data0 }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.for_s !== void 0) {
              let data1 = data.for_s;
              const _errs4 = errors;
              if (!(typeof data1 == "number" && (!(data1 % 1) && !isNaN(data1)) && isFinite(data1))) {
                validate20.errors = [{ instancePath: instancePath + "/for_s", schemaPath: "#/properties/for_s/type", keyword: "type", params: { type: "integer" }, message: "must be integer", schema: schema31.properties.for_s.type, parentSchema: schema31.properties.for_s, data: data1 }];
                return false;
              }
              if (errors === _errs4) {
                if (typeof data1 == "number" && isFinite(data1)) {
                  if (data1 > 2592e3 || isNaN(data1)) {
                    validate20.errors = [{ instancePath: instancePath + "/for_s", schemaPath: "#/properties/for_s/maximum", keyword: "maximum", params: { comparison: "<=", limit: 2592e3 }, message: "must be <= 2592000", schema: 2592e3, parentSchema: schema31.properties.for_s, data: data1 }];
                    return false;
                  } else {
                    if (data1 < 1 || isNaN(data1)) {
                      validate20.errors = [{ instancePath: instancePath + "/for_s", schemaPath: "#/properties/for_s/minimum", keyword: "minimum", params: { comparison: ">=", limit: 1 }, message: "must be >= 1", schema: 1, parentSchema: schema31.properties.for_s, data: data1 }];
                      return false;
                    }
                  }
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              let data2 = data.why;
              const _errs6 = errors;
              if (errors === _errs6) {
                if (typeof data2 === "string") {
                  if (func1(data2) > 200) {
                    validate20.errors = [{ instancePath: instancePath + "/why", schemaPath: "#/properties/why/maxLength", keyword: "maxLength", params: { limit: 200 }, message: "must NOT have more than 200 characters", schema: 200, parentSchema: schema31.properties.why, data: data2 }];
                    return false;
                  }
                } else {
                  validate20.errors = [{ instancePath: instancePath + "/why", schemaPath: "#/properties/why/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema31.properties.why.type, parentSchema: schema31.properties.why, data: data2 }];
                  return false;
                }
              }
              var valid0 = _errs6 === errors;
              if (valid0) {
                let data3 = data.force;
                const _errs8 = errors;
                if (typeof data3 !== "boolean") {
                  validate20.errors = [{ instancePath: instancePath + "/force", schemaPath: "#/properties/force/type", keyword: "type", params: { type: "boolean" }, message: "must be boolean", schema: schema31.properties.force.type, parentSchema: schema31.properties.force, data: data3 }];
                  return false;
                }
                var valid0 = _errs8 === errors;
              }
            }
          }
        }
      }
    } else {
      validate20.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema31.type, parentSchema: schema31, data }];
      return false;
    }
  }
  validate20.errors = vErrors;
  return errors === 0;
}
validate20.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var change = validate21;
var schema32 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/change.schema.json", "title": "Names a prepared change: commit, abort", "type": "object", "additionalProperties": false, "required": ["id"], "properties": { "id": { "description": "the id that prepare returned", "type": "string", "pattern": "^[0-9a-f]{32}$" } } };
var pattern4 = new RegExp("^[0-9a-f]{32}$", "u");
function validate21(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate21.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.id === void 0 && (missing0 = "id")) {
        validate21.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'", schema: schema32.required, parentSchema: schema32, data }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "id")) {
            validate21.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema32, data }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.id !== void 0) {
            let data0 = data.id;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (!pattern4.test(data0)) {
                  validate21.errors = [{ instancePath: instancePath + "/id", schemaPath: "#/properties/id/pattern", keyword: "pattern", params: { pattern: "^[0-9a-f]{32}$" }, message: 'must match pattern "^[0-9a-f]{32}$"', schema: "^[0-9a-f]{32}$", parentSchema: schema32.properties.id, data: data0 }];
                  return false;
                }
              } else {
                validate21.errors = [{ instancePath: instancePath + "/id", schemaPath: "#/properties/id/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema32.properties.id.type, parentSchema: schema32.properties.id, data: data0 }];
                return false;
              }
            }
          }
        }
      }
    } else {
      validate21.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema32.type, parentSchema: schema32, data }];
      return false;
    }
  }
  validate21.errors = vErrors;
  return errors === 0;
}
validate21.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var explain = validate22;
var schema33 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/explain.schema.json", "title": "Says what would be decided about a connection now", "type": "object", "additionalProperties": false, "required": ["from", "to"], "properties": { "from": { "description": "the source's address", "type": "string", "minLength": 1, "maxLength": 64 }, "via": { "description": "the peer whose PROXY header names the source; the source itself unless given", "type": "string", "minLength": 1, "maxLength": 64 }, "to": { "description": "the expose, as the policy names it, or a port such as `tcp 443`", "type": "string", "minLength": 1, "maxLength": 64 }, "sni": { "description": "the name that the client sends; none unless given", "type": "string", "minLength": 0, "maxLength": 255 } } };
function validate22(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate22.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.from === void 0 && (missing0 = "from") || data.to === void 0 && (missing0 = "to")) {
        validate22.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'", schema: schema33.required, parentSchema: schema33, data }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "from" || key0 === "via" || key0 === "to" || key0 === "sni")) {
            validate22.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema33, data }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.from !== void 0) {
            let data0 = data.from;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func1(data0) > 64) {
                  validate22.errors = [{ instancePath: instancePath + "/from", schemaPath: "#/properties/from/maxLength", keyword: "maxLength", params: { limit: 64 }, message: "must NOT have more than 64 characters", schema: 64, parentSchema: schema33.properties.from, data: data0 }];
                  return false;
                } else {
                  if (func1(data0) < 1) {
                    validate22.errors = [{ instancePath: instancePath + "/from", schemaPath: "#/properties/from/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters", schema: 1, parentSchema: schema33.properties.from, data: data0 }];
                    return false;
                  }
                }
              } else {
                validate22.errors = [{ instancePath: instancePath + "/from", schemaPath: "#/properties/from/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema33.properties.from.type, parentSchema: schema33.properties.from, data: data0 }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.via !== void 0) {
              let data1 = data.via;
              const _errs4 = errors;
              if (errors === _errs4) {
                if (typeof data1 === "string") {
                  if (func1(data1) > 64) {
                    validate22.errors = [{ instancePath: instancePath + "/via", schemaPath: "#/properties/via/maxLength", keyword: "maxLength", params: { limit: 64 }, message: "must NOT have more than 64 characters", schema: 64, parentSchema: schema33.properties.via, data: data1 }];
                    return false;
                  } else {
                    if (func1(data1) < 1) {
                      validate22.errors = [{ instancePath: instancePath + "/via", schemaPath: "#/properties/via/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters", schema: 1, parentSchema: schema33.properties.via, data: data1 }];
                      return false;
                    }
                  }
                } else {
                  validate22.errors = [{ instancePath: instancePath + "/via", schemaPath: "#/properties/via/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema33.properties.via.type, parentSchema: schema33.properties.via, data: data1 }];
                  return false;
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.to !== void 0) {
                let data2 = data.to;
                const _errs6 = errors;
                if (errors === _errs6) {
                  if (typeof data2 === "string") {
                    if (func1(data2) > 64) {
                      validate22.errors = [{ instancePath: instancePath + "/to", schemaPath: "#/properties/to/maxLength", keyword: "maxLength", params: { limit: 64 }, message: "must NOT have more than 64 characters", schema: 64, parentSchema: schema33.properties.to, data: data2 }];
                      return false;
                    } else {
                      if (func1(data2) < 1) {
                        validate22.errors = [{ instancePath: instancePath + "/to", schemaPath: "#/properties/to/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters", schema: 1, parentSchema: schema33.properties.to, data: data2 }];
                        return false;
                      }
                    }
                  } else {
                    validate22.errors = [{ instancePath: instancePath + "/to", schemaPath: "#/properties/to/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema33.properties.to.type, parentSchema: schema33.properties.to, data: data2 }];
                    return false;
                  }
                }
                var valid0 = _errs6 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.sni !== void 0) {
                  let data3 = data.sni;
                  const _errs8 = errors;
                  if (errors === _errs8) {
                    if (typeof data3 === "string") {
                      if (func1(data3) > 255) {
                        validate22.errors = [{ instancePath: instancePath + "/sni", schemaPath: "#/properties/sni/maxLength", keyword: "maxLength", params: { limit: 255 }, message: "must NOT have more than 255 characters", schema: 255, parentSchema: schema33.properties.sni, data: data3 }];
                        return false;
                      } else {
                        if (func1(data3) < 0) {
                          validate22.errors = [{ instancePath: instancePath + "/sni", schemaPath: "#/properties/sni/minLength", keyword: "minLength", params: { limit: 0 }, message: "must NOT have fewer than 0 characters", schema: 0, parentSchema: schema33.properties.sni, data: data3 }];
                          return false;
                        }
                      }
                    } else {
                      validate22.errors = [{ instancePath: instancePath + "/sni", schemaPath: "#/properties/sni/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema33.properties.sni.type, parentSchema: schema33.properties.sni, data: data3 }];
                      return false;
                    }
                  }
                  var valid0 = _errs8 === errors;
                } else {
                  var valid0 = true;
                }
              }
            }
          }
        }
      }
    } else {
      validate22.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema33.type, parentSchema: schema33, data }];
      return false;
    }
  }
  validate22.errors = vErrors;
  return errors === 0;
}
validate22.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var none = validate23;
var schema34 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/none.schema.json", "title": "Methods that take nothing: list, status, reload", "type": "object", "additionalProperties": false };
function validate23(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate23.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      for (const key0 in data) {
        validate23.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema34, data }];
        return false;
        break;
      }
    } else {
      validate23.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema34.type, parentSchema: schema34, data }];
      return false;
    }
  }
  validate23.errors = vErrors;
  return errors === 0;
}
validate23.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var prepare = validate24;
var schema35 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/prepare.schema.json", "title": "Prepares the policy file as a change that is committed or aborted by its id", "type": "object", "additionalProperties": false, "properties": { "lease_ms": { "description": "until the change is aborted unless it is committed", "type": "integer", "minimum": 1, "maximum": 6e4, "default": 1e4 } } };
function validate24(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate24.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      if (data.lease_ms === void 0) {
        data.lease_ms = 1e4;
      }
      const _errs1 = errors;
      for (const key0 in data) {
        if (!(key0 === "lease_ms")) {
          validate24.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema35, data }];
          return false;
          break;
        }
      }
      if (_errs1 === errors) {
        let data0 = data.lease_ms;
        const _errs2 = errors;
        if (!(typeof data0 == "number" && (!(data0 % 1) && !isNaN(data0)) && isFinite(data0))) {
          validate24.errors = [{ instancePath: instancePath + "/lease_ms", schemaPath: "#/properties/lease_ms/type", keyword: "type", params: { type: "integer" }, message: "must be integer", schema: schema35.properties.lease_ms.type, parentSchema: schema35.properties.lease_ms, data: data0 }];
          return false;
        }
        if (errors === _errs2) {
          if (typeof data0 == "number" && isFinite(data0)) {
            if (data0 > 6e4 || isNaN(data0)) {
              validate24.errors = [{ instancePath: instancePath + "/lease_ms", schemaPath: "#/properties/lease_ms/maximum", keyword: "maximum", params: { comparison: "<=", limit: 6e4 }, message: "must be <= 60000", schema: 6e4, parentSchema: schema35.properties.lease_ms, data: data0 }];
              return false;
            } else {
              if (data0 < 1 || isNaN(data0)) {
                validate24.errors = [{ instancePath: instancePath + "/lease_ms", schemaPath: "#/properties/lease_ms/minimum", keyword: "minimum", params: { comparison: ">=", limit: 1 }, message: "must be >= 1", schema: 1, parentSchema: schema35.properties.lease_ms, data: data0 }];
                return false;
              }
            }
          }
        }
      }
    } else {
      validate24.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema35.type, parentSchema: schema35, data }];
      return false;
    }
  }
  validate24.errors = vErrors;
  return errors === 0;
}
validate24.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var register = validate25;
var schema36 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/register.schema.json", "title": "ExposeIntent: a service asks for the port that the policy grants it", "type": "object", "additionalProperties": false, "required": ["service", "proto", "port", "mode"], "properties": { "service": { "description": "the service that registers; it must be the one that the transport proves", "type": "string", "minLength": 1, "maxLength": 48 }, "proto": { "description": "the protocol of the port", "enum": ["tcp", "udp"] }, "port": { "description": "the port to open", "type": "integer", "minimum": 1, "maximum": 65535 }, "bind": { "description": "one literal local address; without it, all that the policy gives the listener", "type": "string", "minLength": 2, "maxLength": 45 }, "mode": { "description": "the listener's mode as the policy states it", "enum": ["tcp", "passthrough", "tls", "mtls", "direct"] }, "expose": { "description": "the expose that is meant; needed where the service has several on the port", "type": "string", "minLength": 1, "maxLength": 48 }, "backend": { "description": "where connections go: 127.0.0.1:8080, [::1]:8080 or unix:/path; it must be the service's own. In mode direct there is none", "type": "string", "minLength": 1, "maxLength": 256 }, "proxy": { "description": "the version of the PROXY protocol's header that the backend gets before the client's bytes; without it none. Only over tcp, and not in mode direct", "enum": ["v1", "v2"] }, "ttl_ms": { "description": "end of the lease unless it is renewed; without it, as long as the connection lives", "type": "integer", "minimum": 1e3, "maximum": 864e5 }, "proof": { "description": "in mode direct: HMAC-SHA256 with the guards' key over the connection's challenge and the service", "type": "string", "pattern": "^[0-9a-f]{64}$" } } };
var func12 = Object.prototype.hasOwnProperty;
var pattern5 = new RegExp("^[0-9a-f]{64}$", "u");
function validate25(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate25.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.service === void 0 && (missing0 = "service") || data.proto === void 0 && (missing0 = "proto") || data.port === void 0 && (missing0 = "port") || data.mode === void 0 && (missing0 = "mode")) {
        validate25.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'", schema: schema36.required, parentSchema: schema36, data }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!func12.call(schema36.properties, key0)) {
            validate25.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema36, data }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.service !== void 0) {
            let data0 = data.service;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func1(data0) > 48) {
                  validate25.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/maxLength", keyword: "maxLength", params: { limit: 48 }, message: "must NOT have more than 48 characters", schema: 48, parentSchema: schema36.properties.service, data: data0 }];
                  return false;
                } else {
                  if (func1(data0) < 1) {
                    validate25.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters", schema: 1, parentSchema: schema36.properties.service, data: data0 }];
                    return false;
                  }
                }
              } else {
                validate25.errors = [{ instancePath: instancePath + "/service", schemaPath: "#/properties/service/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema36.properties.service.type, parentSchema: schema36.properties.service, data: data0 }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.proto !== void 0) {
              let data1 = data.proto;
              const _errs4 = errors;
              if (!(data1 === "tcp" || data1 === "udp")) {
                validate25.errors = [{ instancePath: instancePath + "/proto", schemaPath: "#/properties/proto/enum", keyword: "enum", params: { allowedValues: schema36.properties.proto.enum }, message: "must be equal to one of the allowed values", schema: schema36.properties.proto.enum, parentSchema: schema36.properties.proto, data: data1 }];
                return false;
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.port !== void 0) {
                let data2 = data.port;
                const _errs5 = errors;
                if (!(typeof data2 == "number" && (!(data2 % 1) && !isNaN(data2)) && isFinite(data2))) {
                  validate25.errors = [{ instancePath: instancePath + "/port", schemaPath: "#/properties/port/type", keyword: "type", params: { type: "integer" }, message: "must be integer", schema: schema36.properties.port.type, parentSchema: schema36.properties.port, data: data2 }];
                  return false;
                }
                if (errors === _errs5) {
                  if (typeof data2 == "number" && isFinite(data2)) {
                    if (data2 > 65535 || isNaN(data2)) {
                      validate25.errors = [{ instancePath: instancePath + "/port", schemaPath: "#/properties/port/maximum", keyword: "maximum", params: { comparison: "<=", limit: 65535 }, message: "must be <= 65535", schema: 65535, parentSchema: schema36.properties.port, data: data2 }];
                      return false;
                    } else {
                      if (data2 < 1 || isNaN(data2)) {
                        validate25.errors = [{ instancePath: instancePath + "/port", schemaPath: "#/properties/port/minimum", keyword: "minimum", params: { comparison: ">=", limit: 1 }, message: "must be >= 1", schema: 1, parentSchema: schema36.properties.port, data: data2 }];
                        return false;
                      }
                    }
                  }
                }
                var valid0 = _errs5 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.bind !== void 0) {
                  let data3 = data.bind;
                  const _errs7 = errors;
                  if (errors === _errs7) {
                    if (typeof data3 === "string") {
                      if (func1(data3) > 45) {
                        validate25.errors = [{ instancePath: instancePath + "/bind", schemaPath: "#/properties/bind/maxLength", keyword: "maxLength", params: { limit: 45 }, message: "must NOT have more than 45 characters", schema: 45, parentSchema: schema36.properties.bind, data: data3 }];
                        return false;
                      } else {
                        if (func1(data3) < 2) {
                          validate25.errors = [{ instancePath: instancePath + "/bind", schemaPath: "#/properties/bind/minLength", keyword: "minLength", params: { limit: 2 }, message: "must NOT have fewer than 2 characters", schema: 2, parentSchema: schema36.properties.bind, data: data3 }];
                          return false;
                        }
                      }
                    } else {
                      validate25.errors = [{ instancePath: instancePath + "/bind", schemaPath: "#/properties/bind/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema36.properties.bind.type, parentSchema: schema36.properties.bind, data: data3 }];
                      return false;
                    }
                  }
                  var valid0 = _errs7 === errors;
                } else {
                  var valid0 = true;
                }
                if (valid0) {
                  if (data.mode !== void 0) {
                    let data4 = data.mode;
                    const _errs9 = errors;
                    if (!(data4 === "tcp" || data4 === "passthrough" || data4 === "tls" || data4 === "mtls" || data4 === "direct")) {
                      validate25.errors = [{ instancePath: instancePath + "/mode", schemaPath: "#/properties/mode/enum", keyword: "enum", params: { allowedValues: schema36.properties.mode.enum }, message: "must be equal to one of the allowed values", schema: schema36.properties.mode.enum, parentSchema: schema36.properties.mode, data: data4 }];
                      return false;
                    }
                    var valid0 = _errs9 === errors;
                  } else {
                    var valid0 = true;
                  }
                  if (valid0) {
                    if (data.expose !== void 0) {
                      let data5 = data.expose;
                      const _errs10 = errors;
                      if (errors === _errs10) {
                        if (typeof data5 === "string") {
                          if (func1(data5) > 48) {
                            validate25.errors = [{ instancePath: instancePath + "/expose", schemaPath: "#/properties/expose/maxLength", keyword: "maxLength", params: { limit: 48 }, message: "must NOT have more than 48 characters", schema: 48, parentSchema: schema36.properties.expose, data: data5 }];
                            return false;
                          } else {
                            if (func1(data5) < 1) {
                              validate25.errors = [{ instancePath: instancePath + "/expose", schemaPath: "#/properties/expose/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters", schema: 1, parentSchema: schema36.properties.expose, data: data5 }];
                              return false;
                            }
                          }
                        } else {
                          validate25.errors = [{ instancePath: instancePath + "/expose", schemaPath: "#/properties/expose/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema36.properties.expose.type, parentSchema: schema36.properties.expose, data: data5 }];
                          return false;
                        }
                      }
                      var valid0 = _errs10 === errors;
                    } else {
                      var valid0 = true;
                    }
                    if (valid0) {
                      if (data.backend !== void 0) {
                        let data6 = data.backend;
                        const _errs12 = errors;
                        if (errors === _errs12) {
                          if (typeof data6 === "string") {
                            if (func1(data6) > 256) {
                              validate25.errors = [{ instancePath: instancePath + "/backend", schemaPath: "#/properties/backend/maxLength", keyword: "maxLength", params: { limit: 256 }, message: "must NOT have more than 256 characters", schema: 256, parentSchema: schema36.properties.backend, data: data6 }];
                              return false;
                            } else {
                              if (func1(data6) < 1) {
                                validate25.errors = [{ instancePath: instancePath + "/backend", schemaPath: "#/properties/backend/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters", schema: 1, parentSchema: schema36.properties.backend, data: data6 }];
                                return false;
                              }
                            }
                          } else {
                            validate25.errors = [{ instancePath: instancePath + "/backend", schemaPath: "#/properties/backend/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema36.properties.backend.type, parentSchema: schema36.properties.backend, data: data6 }];
                            return false;
                          }
                        }
                        var valid0 = _errs12 === errors;
                      } else {
                        var valid0 = true;
                      }
                      if (valid0) {
                        if (data.proxy !== void 0) {
                          let data7 = data.proxy;
                          const _errs14 = errors;
                          if (!(data7 === "v1" || data7 === "v2")) {
                            validate25.errors = [{ instancePath: instancePath + "/proxy", schemaPath: "#/properties/proxy/enum", keyword: "enum", params: { allowedValues: schema36.properties.proxy.enum }, message: "must be equal to one of the allowed values", schema: schema36.properties.proxy.enum, parentSchema: schema36.properties.proxy, data: data7 }];
                            return false;
                          }
                          var valid0 = _errs14 === errors;
                        } else {
                          var valid0 = true;
                        }
                        if (valid0) {
                          if (data.ttl_ms !== void 0) {
                            let data8 = data.ttl_ms;
                            const _errs15 = errors;
                            if (!(typeof data8 == "number" && (!(data8 % 1) && !isNaN(data8)) && isFinite(data8))) {
                              validate25.errors = [{ instancePath: instancePath + "/ttl_ms", schemaPath: "#/properties/ttl_ms/type", keyword: "type", params: { type: "integer" }, message: "must be integer", schema: schema36.properties.ttl_ms.type, parentSchema: schema36.properties.ttl_ms, data: data8 }];
                              return false;
                            }
                            if (errors === _errs15) {
                              if (typeof data8 == "number" && isFinite(data8)) {
                                if (data8 > 864e5 || isNaN(data8)) {
                                  validate25.errors = [{ instancePath: instancePath + "/ttl_ms", schemaPath: "#/properties/ttl_ms/maximum", keyword: "maximum", params: { comparison: "<=", limit: 864e5 }, message: "must be <= 86400000", schema: 864e5, parentSchema: schema36.properties.ttl_ms, data: data8 }];
                                  return false;
                                } else {
                                  if (data8 < 1e3 || isNaN(data8)) {
                                    validate25.errors = [{ instancePath: instancePath + "/ttl_ms", schemaPath: "#/properties/ttl_ms/minimum", keyword: "minimum", params: { comparison: ">=", limit: 1e3 }, message: "must be >= 1000", schema: 1e3, parentSchema: schema36.properties.ttl_ms, data: data8 }];
                                    return false;
                                  }
                                }
                              }
                            }
                            var valid0 = _errs15 === errors;
                          } else {
                            var valid0 = true;
                          }
                          if (valid0) {
                            if (data.proof !== void 0) {
                              let data9 = data.proof;
                              const _errs17 = errors;
                              if (errors === _errs17) {
                                if (typeof data9 === "string") {
                                  if (!pattern5.test(data9)) {
                                    validate25.errors = [{ instancePath: instancePath + "/proof", schemaPath: "#/properties/proof/pattern", keyword: "pattern", params: { pattern: "^[0-9a-f]{64}$" }, message: 'must match pattern "^[0-9a-f]{64}$"', schema: "^[0-9a-f]{64}$", parentSchema: schema36.properties.proof, data: data9 }];
                                    return false;
                                  }
                                } else {
                                  validate25.errors = [{ instancePath: instancePath + "/proof", schemaPath: "#/properties/proof/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema36.properties.proof.type, parentSchema: schema36.properties.proof, data: data9 }];
                                  return false;
                                }
                              }
                              var valid0 = _errs17 === errors;
                            } else {
                              var valid0 = true;
                            }
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    } else {
      validate25.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema36.type, parentSchema: schema36, data }];
      return false;
    }
  }
  validate25.errors = vErrors;
  return errors === 0;
}
validate25.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var renew = validate26;
var schema37 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/renew.schema.json", "title": "Gives a lease of the caller a new end", "type": "object", "additionalProperties": false, "required": ["lease", "ttl_ms"], "properties": { "lease": { "description": "the lease that register returned", "type": "string", "pattern": "^[0-9a-f]{32}$" }, "ttl_ms": { "description": "from now until the lease ends", "type": "integer", "minimum": 1e3, "maximum": 864e5 } } };
function validate26(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate26.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.lease === void 0 && (missing0 = "lease") || data.ttl_ms === void 0 && (missing0 = "ttl_ms")) {
        validate26.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'", schema: schema37.required, parentSchema: schema37, data }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "lease" || key0 === "ttl_ms")) {
            validate26.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema37, data }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.lease !== void 0) {
            let data0 = data.lease;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (!pattern4.test(data0)) {
                  validate26.errors = [{ instancePath: instancePath + "/lease", schemaPath: "#/properties/lease/pattern", keyword: "pattern", params: { pattern: "^[0-9a-f]{32}$" }, message: 'must match pattern "^[0-9a-f]{32}$"', schema: "^[0-9a-f]{32}$", parentSchema: schema37.properties.lease, data: data0 }];
                  return false;
                }
              } else {
                validate26.errors = [{ instancePath: instancePath + "/lease", schemaPath: "#/properties/lease/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema37.properties.lease.type, parentSchema: schema37.properties.lease, data: data0 }];
                return false;
              }
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.ttl_ms !== void 0) {
              let data1 = data.ttl_ms;
              const _errs4 = errors;
              if (!(typeof data1 == "number" && (!(data1 % 1) && !isNaN(data1)) && isFinite(data1))) {
                validate26.errors = [{ instancePath: instancePath + "/ttl_ms", schemaPath: "#/properties/ttl_ms/type", keyword: "type", params: { type: "integer" }, message: "must be integer", schema: schema37.properties.ttl_ms.type, parentSchema: schema37.properties.ttl_ms, data: data1 }];
                return false;
              }
              if (errors === _errs4) {
                if (typeof data1 == "number" && isFinite(data1)) {
                  if (data1 > 864e5 || isNaN(data1)) {
                    validate26.errors = [{ instancePath: instancePath + "/ttl_ms", schemaPath: "#/properties/ttl_ms/maximum", keyword: "maximum", params: { comparison: "<=", limit: 864e5 }, message: "must be <= 86400000", schema: 864e5, parentSchema: schema37.properties.ttl_ms, data: data1 }];
                    return false;
                  } else {
                    if (data1 < 1e3 || isNaN(data1)) {
                      validate26.errors = [{ instancePath: instancePath + "/ttl_ms", schemaPath: "#/properties/ttl_ms/minimum", keyword: "minimum", params: { comparison: ">=", limit: 1e3 }, message: "must be >= 1000", schema: 1e3, parentSchema: schema37.properties.ttl_ms, data: data1 }];
                      return false;
                    }
                  }
                }
              }
              var valid0 = _errs4 === errors;
            } else {
              var valid0 = true;
            }
          }
        }
      }
    } else {
      validate26.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema37.type, parentSchema: schema37, data }];
      return false;
    }
  }
  validate26.errors = vErrors;
  return errors === 0;
}
validate26.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var request = validate27;
var schema38 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/request.schema.json", "title": "One frame from a client: a JSON-RPC 2.0 request", "type": "object", "additionalProperties": false, "required": ["jsonrpc", "method"], "properties": { "jsonrpc": { "description": "the protocol's version", "const": "2.0" }, "id": { "description": "given back in the answer; a request without one gets no answer", "type": ["string", "integer", "null"], "maxLength": 64 }, "method": { "description": "the method's name", "type": "string", "minLength": 1, "maxLength": 64 }, "params": { "description": "the method's own object", "type": "object" } } };
function validate27(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate27.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.jsonrpc === void 0 && (missing0 = "jsonrpc") || data.method === void 0 && (missing0 = "method")) {
        validate27.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'", schema: schema38.required, parentSchema: schema38, data }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "jsonrpc" || key0 === "id" || key0 === "method" || key0 === "params")) {
            validate27.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema38, data }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.jsonrpc !== void 0) {
            let data0 = data.jsonrpc;
            const _errs2 = errors;
            if ("2.0" !== data0) {
              validate27.errors = [{ instancePath: instancePath + "/jsonrpc", schemaPath: "#/properties/jsonrpc/const", keyword: "const", params: { allowedValue: "2.0" }, message: "must be equal to constant", schema: "2.0", parentSchema: schema38.properties.jsonrpc, data: data0 }];
              return false;
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.id !== void 0) {
              let data1 = data.id;
              const _errs3 = errors;
              if (typeof data1 !== "string" && !(typeof data1 == "number" && (!(data1 % 1) && !isNaN(data1)) && isFinite(data1)) && data1 !== null) {
                validate27.errors = [{ instancePath: instancePath + "/id", schemaPath: "#/properties/id/type", keyword: "type", params: { type: schema38.properties.id.type }, message: "must be string,integer,null", schema: schema38.properties.id.type, parentSchema: schema38.properties.id, data: data1 }];
                return false;
              }
              if (errors === _errs3) {
                if (typeof data1 === "string") {
                  if (func1(data1) > 64) {
                    validate27.errors = [{ instancePath: instancePath + "/id", schemaPath: "#/properties/id/maxLength", keyword: "maxLength", params: { limit: 64 }, message: "must NOT have more than 64 characters", schema: 64, parentSchema: schema38.properties.id, data: data1 }];
                    return false;
                  }
                }
              }
              var valid0 = _errs3 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.method !== void 0) {
                let data2 = data.method;
                const _errs5 = errors;
                if (errors === _errs5) {
                  if (typeof data2 === "string") {
                    if (func1(data2) > 64) {
                      validate27.errors = [{ instancePath: instancePath + "/method", schemaPath: "#/properties/method/maxLength", keyword: "maxLength", params: { limit: 64 }, message: "must NOT have more than 64 characters", schema: 64, parentSchema: schema38.properties.method, data: data2 }];
                      return false;
                    } else {
                      if (func1(data2) < 1) {
                        validate27.errors = [{ instancePath: instancePath + "/method", schemaPath: "#/properties/method/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters", schema: 1, parentSchema: schema38.properties.method, data: data2 }];
                        return false;
                      }
                    }
                  } else {
                    validate27.errors = [{ instancePath: instancePath + "/method", schemaPath: "#/properties/method/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema38.properties.method.type, parentSchema: schema38.properties.method, data: data2 }];
                    return false;
                  }
                }
                var valid0 = _errs5 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.params !== void 0) {
                  let data3 = data.params;
                  const _errs7 = errors;
                  if (!(data3 && typeof data3 == "object" && !Array.isArray(data3))) {
                    validate27.errors = [{ instancePath: instancePath + "/params", schemaPath: "#/properties/params/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema38.properties.params.type, parentSchema: schema38.properties.params, data: data3 }];
                    return false;
                  }
                  var valid0 = _errs7 === errors;
                } else {
                  var valid0 = true;
                }
              }
            }
          }
        }
      }
    } else {
      validate27.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema38.type, parentSchema: schema38, data }];
      return false;
    }
  }
  validate27.errors = vErrors;
  return errors === 0;
}
validate27.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var takeover = validate28;
var schema39 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/takeover.schema.json", "title": "A step by which the next gateway takes over from this one", "type": "object", "additionalProperties": false, "required": ["step"], "properties": { "step": { "enum": ["begin", "sockets", "wait", "freeze", "state", "serving", "done", "cut"] }, "id": { "description": "of the takeover; each step but the first has it", "type": "string", "pattern": "^[0-9a-f]{32}$" }, "from": { "description": "where the wanted part of the state begins", "type": "integer", "minimum": 0, "maximum": 1073741824 }, "format": { "description": "the form of the state that the next gateway reads", "type": "integer", "minimum": 0, "maximum": 65535 }, "rows": { "description": "connections to break off", "type": "array", "maxItems": 1024, "items": { "type": "integer", "minimum": 0, "maximum": 2147483647 } } } };
function validate28(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate28.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.step === void 0 && (missing0 = "step")) {
        validate28.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'", schema: schema39.required, parentSchema: schema39, data }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "step" || key0 === "id" || key0 === "from" || key0 === "format" || key0 === "rows")) {
            validate28.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema39, data }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.step !== void 0) {
            let data0 = data.step;
            const _errs2 = errors;
            if (!(data0 === "begin" || data0 === "sockets" || data0 === "wait" || data0 === "freeze" || data0 === "state" || data0 === "serving" || data0 === "done" || data0 === "cut")) {
              validate28.errors = [{ instancePath: instancePath + "/step", schemaPath: "#/properties/step/enum", keyword: "enum", params: { allowedValues: schema39.properties.step.enum }, message: "must be equal to one of the allowed values", schema: schema39.properties.step.enum, parentSchema: schema39.properties.step, data: data0 }];
              return false;
            }
            var valid0 = _errs2 === errors;
          } else {
            var valid0 = true;
          }
          if (valid0) {
            if (data.id !== void 0) {
              let data1 = data.id;
              const _errs3 = errors;
              if (errors === _errs3) {
                if (typeof data1 === "string") {
                  if (!pattern4.test(data1)) {
                    validate28.errors = [{ instancePath: instancePath + "/id", schemaPath: "#/properties/id/pattern", keyword: "pattern", params: { pattern: "^[0-9a-f]{32}$" }, message: 'must match pattern "^[0-9a-f]{32}$"', schema: "^[0-9a-f]{32}$", parentSchema: schema39.properties.id, data: data1 }];
                    return false;
                  }
                } else {
                  validate28.errors = [{ instancePath: instancePath + "/id", schemaPath: "#/properties/id/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema39.properties.id.type, parentSchema: schema39.properties.id, data: data1 }];
                  return false;
                }
              }
              var valid0 = _errs3 === errors;
            } else {
              var valid0 = true;
            }
            if (valid0) {
              if (data.from !== void 0) {
                let data2 = data.from;
                const _errs5 = errors;
                if (!(typeof data2 == "number" && (!(data2 % 1) && !isNaN(data2)) && isFinite(data2))) {
                  validate28.errors = [{ instancePath: instancePath + "/from", schemaPath: "#/properties/from/type", keyword: "type", params: { type: "integer" }, message: "must be integer", schema: schema39.properties.from.type, parentSchema: schema39.properties.from, data: data2 }];
                  return false;
                }
                if (errors === _errs5) {
                  if (typeof data2 == "number" && isFinite(data2)) {
                    if (data2 > 1073741824 || isNaN(data2)) {
                      validate28.errors = [{ instancePath: instancePath + "/from", schemaPath: "#/properties/from/maximum", keyword: "maximum", params: { comparison: "<=", limit: 1073741824 }, message: "must be <= 1073741824", schema: 1073741824, parentSchema: schema39.properties.from, data: data2 }];
                      return false;
                    } else {
                      if (data2 < 0 || isNaN(data2)) {
                        validate28.errors = [{ instancePath: instancePath + "/from", schemaPath: "#/properties/from/minimum", keyword: "minimum", params: { comparison: ">=", limit: 0 }, message: "must be >= 0", schema: 0, parentSchema: schema39.properties.from, data: data2 }];
                        return false;
                      }
                    }
                  }
                }
                var valid0 = _errs5 === errors;
              } else {
                var valid0 = true;
              }
              if (valid0) {
                if (data.format !== void 0) {
                  let data3 = data.format;
                  const _errs7 = errors;
                  if (!(typeof data3 == "number" && (!(data3 % 1) && !isNaN(data3)) && isFinite(data3))) {
                    validate28.errors = [{ instancePath: instancePath + "/format", schemaPath: "#/properties/format/type", keyword: "type", params: { type: "integer" }, message: "must be integer", schema: schema39.properties.format.type, parentSchema: schema39.properties.format, data: data3 }];
                    return false;
                  }
                  if (errors === _errs7) {
                    if (typeof data3 == "number" && isFinite(data3)) {
                      if (data3 > 65535 || isNaN(data3)) {
                        validate28.errors = [{ instancePath: instancePath + "/format", schemaPath: "#/properties/format/maximum", keyword: "maximum", params: { comparison: "<=", limit: 65535 }, message: "must be <= 65535", schema: 65535, parentSchema: schema39.properties.format, data: data3 }];
                        return false;
                      } else {
                        if (data3 < 0 || isNaN(data3)) {
                          validate28.errors = [{ instancePath: instancePath + "/format", schemaPath: "#/properties/format/minimum", keyword: "minimum", params: { comparison: ">=", limit: 0 }, message: "must be >= 0", schema: 0, parentSchema: schema39.properties.format, data: data3 }];
                          return false;
                        }
                      }
                    }
                  }
                  var valid0 = _errs7 === errors;
                } else {
                  var valid0 = true;
                }
                if (valid0) {
                  if (data.rows !== void 0) {
                    let data4 = data.rows;
                    const _errs9 = errors;
                    if (errors === _errs9) {
                      if (Array.isArray(data4)) {
                        if (data4.length > 1024) {
                          validate28.errors = [{ instancePath: instancePath + "/rows", schemaPath: "#/properties/rows/maxItems", keyword: "maxItems", params: { limit: 1024 }, message: "must NOT have more than 1024 items", schema: 1024, parentSchema: schema39.properties.rows, data: data4 }];
                          return false;
                        } else {
                          var valid1 = true;
                          const len0 = data4.length;
                          for (let i0 = 0; i0 < len0; i0++) {
                            let data5 = data4[i0];
                            const _errs11 = errors;
                            if (!(typeof data5 == "number" && (!(data5 % 1) && !isNaN(data5)) && isFinite(data5))) {
                              validate28.errors = [{ instancePath: instancePath + "/rows/" + i0, schemaPath: "#/properties/rows/items/type", keyword: "type", params: { type: "integer" }, message: "must be integer", schema: schema39.properties.rows.items.type, parentSchema: schema39.properties.rows.items, data: data5 }];
                              return false;
                            }
                            if (errors === _errs11) {
                              if (typeof data5 == "number" && isFinite(data5)) {
                                if (data5 > 2147483647 || isNaN(data5)) {
                                  validate28.errors = [{ instancePath: instancePath + "/rows/" + i0, schemaPath: "#/properties/rows/items/maximum", keyword: "maximum", params: { comparison: "<=", limit: 2147483647 }, message: "must be <= 2147483647", schema: 2147483647, parentSchema: schema39.properties.rows.items, data: data5 }];
                                  return false;
                                } else {
                                  if (data5 < 0 || isNaN(data5)) {
                                    validate28.errors = [{ instancePath: instancePath + "/rows/" + i0, schemaPath: "#/properties/rows/items/minimum", keyword: "minimum", params: { comparison: ">=", limit: 0 }, message: "must be >= 0", schema: 0, parentSchema: schema39.properties.rows.items, data: data5 }];
                                    return false;
                                  }
                                }
                              }
                            }
                            var valid1 = _errs11 === errors;
                            if (!valid1) {
                              break;
                            }
                          }
                        }
                      } else {
                        validate28.errors = [{ instancePath: instancePath + "/rows", schemaPath: "#/properties/rows/type", keyword: "type", params: { type: "array" }, message: "must be array", schema: schema39.properties.rows.type, parentSchema: schema39.properties.rows, data: data4 }];
                        return false;
                      }
                    }
                    var valid0 = _errs9 === errors;
                  } else {
                    var valid0 = true;
                  }
                }
              }
            }
          }
        }
      }
    } else {
      validate28.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema39.type, parentSchema: schema39, data }];
      return false;
    }
  }
  validate28.errors = vErrors;
  return errors === 0;
}
validate28.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var unblock = validate29;
var schema40 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/unblock.schema.json", "title": "Ends the temporary block of a prefix", "type": "object", "additionalProperties": false, "required": ["prefix"], "properties": { "prefix": { "description": "as `block` was given it", "type": "string", "minLength": 1, "maxLength": 64 } } };
function validate29(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate29.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.prefix === void 0 && (missing0 = "prefix")) {
        validate29.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'", schema: schema40.required, parentSchema: schema40, data }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "prefix")) {
            validate29.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema40, data }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.prefix !== void 0) {
            let data0 = data.prefix;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (func1(data0) > 64) {
                  validate29.errors = [{ instancePath: instancePath + "/prefix", schemaPath: "#/properties/prefix/maxLength", keyword: "maxLength", params: { limit: 64 }, message: "must NOT have more than 64 characters", schema: 64, parentSchema: schema40.properties.prefix, data: data0 }];
                  return false;
                } else {
                  if (func1(data0) < 1) {
                    validate29.errors = [{ instancePath: instancePath + "/prefix", schemaPath: "#/properties/prefix/minLength", keyword: "minLength", params: { limit: 1 }, message: "must NOT have fewer than 1 characters", schema: 1, parentSchema: schema40.properties.prefix, data: data0 }];
                    return false;
                  }
                }
              } else {
                validate29.errors = [{ instancePath: instancePath + "/prefix", schemaPath: "#/properties/prefix/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema40.properties.prefix.type, parentSchema: schema40.properties.prefix, data: data0 }];
                return false;
              }
            }
          }
        }
      }
    } else {
      validate29.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema40.type, parentSchema: schema40, data }];
      return false;
    }
  }
  validate29.errors = vErrors;
  return errors === 0;
}
validate29.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
var unregister = validate30;
var schema41 = { "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "ingressd/intents/unregister.schema.json", "title": "Ends a lease of the caller", "type": "object", "additionalProperties": false, "required": ["lease"], "properties": { "lease": { "description": "the lease that register returned", "type": "string", "pattern": "^[0-9a-f]{32}$" } } };
function validate30(data, { instancePath = "", parentData, parentDataProperty, rootData = data, dynamicAnchors = {} } = {}) {
  ;
  let vErrors = null;
  let errors = 0;
  const evaluated0 = validate30.evaluated;
  if (evaluated0.dynamicProps) {
    evaluated0.props = void 0;
  }
  if (evaluated0.dynamicItems) {
    evaluated0.items = void 0;
  }
  if (errors === 0) {
    if (data && typeof data == "object" && !Array.isArray(data)) {
      let missing0;
      if (data.lease === void 0 && (missing0 = "lease")) {
        validate30.errors = [{ instancePath, schemaPath: "#/required", keyword: "required", params: { missingProperty: missing0 }, message: "must have required property '" + missing0 + "'", schema: schema41.required, parentSchema: schema41, data }];
        return false;
      } else {
        const _errs1 = errors;
        for (const key0 in data) {
          if (!(key0 === "lease")) {
            validate30.errors = [{ instancePath, schemaPath: "#/additionalProperties", keyword: "additionalProperties", params: { additionalProperty: key0 }, message: "must NOT have additional properties", schema: false, parentSchema: schema41, data }];
            return false;
            break;
          }
        }
        if (_errs1 === errors) {
          if (data.lease !== void 0) {
            let data0 = data.lease;
            const _errs2 = errors;
            if (errors === _errs2) {
              if (typeof data0 === "string") {
                if (!pattern4.test(data0)) {
                  validate30.errors = [{ instancePath: instancePath + "/lease", schemaPath: "#/properties/lease/pattern", keyword: "pattern", params: { pattern: "^[0-9a-f]{32}$" }, message: 'must match pattern "^[0-9a-f]{32}$"', schema: "^[0-9a-f]{32}$", parentSchema: schema41.properties.lease, data: data0 }];
                  return false;
                }
              } else {
                validate30.errors = [{ instancePath: instancePath + "/lease", schemaPath: "#/properties/lease/type", keyword: "type", params: { type: "string" }, message: "must be string", schema: schema41.properties.lease.type, parentSchema: schema41.properties.lease, data: data0 }];
                return false;
              }
            }
          }
        }
      }
    } else {
      validate30.errors = [{ instancePath, schemaPath: "#/type", keyword: "type", params: { type: "object" }, message: "must be object", schema: schema41.type, parentSchema: schema41, data }];
      return false;
    }
  }
  validate30.errors = vErrors;
  return errors === 0;
}
validate30.evaluated = { "props": true, "dynamicProps": false, "dynamicItems": false };
export {
  block,
  change,
  explain,
  none,
  prepare,
  register,
  renew,
  request,
  takeover,
  unblock,
  unregister
};
