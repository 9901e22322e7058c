'use strict';
'require view';
'require dom';
'require form';
'require fs';
'require poll';
'require rpc';
'require uci';
'require ui';

// The sluice page of LuCI: status, settings of /etc/config/sluice, the configuration file, the way to the console.

const CONFIG = '/etc/sluice/config.toml';
const TOKEN = '/etc/sluice/env/SLUICE_ADMIN_TOKEN';

const callServiceList = rpc.declare({
	object: 'service',
	method: 'list',
	params: ['name'],
	expect: { '': {} },
});

function readStatus() {
	return callServiceList('sluice').then((services) => {
		const instance = services?.sluice?.instances?.main;
		return { running: instance?.running === true, pid: instance?.pid };
	});
}

// The port is in UCI, or in the file below [server].
function findPort(text) {
	const set = uci.get('sluice', 'main', 'port');
	if (set) return set;
	let inServer = false;
	for (const line of text.split('\n')) {
		if (/^\s*\[/.test(line)) inServer = /^\s*\[server\]/.test(line);
		const port = inServer ? /^\s*port\s*=\s*(\d+)/.exec(line) : null;
		if (port) return port[1];
	}
	return '4000';
}

function renderStatus(status) {
	return status.running
		? E('span', { style: 'color:green' }, _('running (process %d)').format(status.pid))
		: E('em', {}, _('not running'));
}

return view.extend({
	load() {
		return Promise.all([
			readStatus(),
			L.resolveDefault(fs.read(CONFIG), ''),
			L.resolveDefault(fs.read(TOKEN), ''),
			uci.load('sluice'),
		]);
	},

	render([status, text, token]) {
		const state = E('span', {}, [renderStatus(status)]);
		poll.add(() => readStatus().then((now) => dom.content(state, renderStatus(now))), 5);

		const host = location.hostname.includes(':') ? `[${location.hostname.replace(/[[\]]/g, '')}]` : location.hostname;
		const base = `http://${host}:${findPort(text)}`;
		const secret = E('code', { style: 'display:none' }, [token.trim()]);
		const about = E('div', { class: 'cbi-section' }, [
			E('p', {}, [_('Status'), ': ', state]),
			E('p', {}, [_('Base URL for OpenAI SDKs'), ': ', E('code', {}, [`${base}/v1`])]),
			E('p', {}, [
				_('Console'),
				': ',
				E('a', { href: `${base}/console/`, target: '_blank', rel: 'noreferrer' }, [`${base}/console/`]),
				' ',
				E('button', { class: 'btn', click: () => { secret.style.display = ''; } }, [_('Show its token')]),
				' ',
				secret,
			]),
		]);

		const map = new form.Map('sluice', _('sluice'), _('One address for all LLM providers, for every device on the LAN.'));
		const section = map.section(form.NamedSection, 'main', 'sluice', _('Service'));
		section.addremove = false;
		section.option(form.Flag, 'enabled', _('Enabled'));
		const listen = section.option(form.Value, 'listen', _('Listen on'));
		listen.value('lan', _('the address of the interface'));
		listen.value('loopback', _('this router only'));
		listen.value('config', _('as in the configuration file'));
		listen.default = 'lan';
		const network = section.option(form.Value, 'interface', _('Interface'));
		network.default = 'lan';
		network.depends('listen', 'lan');
		const port = section.option(form.Value, 'port', _('Port'));
		port.datatype = 'port';
		port.placeholder = '4000';
		const level = section.option(form.ListValue, 'log_level', _('Log level'));
		for (const name of ['trace', 'debug', 'info', 'warn', 'error']) level.value(name);
		level.default = 'info';
		const drain = section.option(form.Value, 'drain_timeout', _('Seconds for running answers when it stops'));
		drain.datatype = 'uinteger';
		drain.placeholder = '30';
		const heap = section.option(form.Value, 'heap_mb', _('Heap limit in MB'));
		heap.datatype = 'min(32)';
		heap.placeholder = _('by the size of the memory');
		section.option(form.Flag, 'jail', _('Run in a jail'), _('Needs the package procd-ujail.'));

		const area = E('textarea', { class: 'cbi-input-textarea', style: 'width:100%;font-family:monospace', rows: 24, spellcheck: 'false' }, [text]);
		const report = E('pre', { style: 'white-space:pre-wrap' });
		const save = ui.createHandlerFn(this, () =>
			fs.write(CONFIG, area.value.replace(/\r\n/g, '\n').replace(/\n*$/, '\n'), 0o660)
				.then(() => fs.exec('/usr/bin/sluice', ['validate', '--config', CONFIG]))
				.then((result) => {
					dom.content(report, [(result.stdout || '') + (result.stderr || '')]);
					// The daemon keeps its running configuration until the file is right.
					ui.addNotification(null, E('p', {}, [
						result.code === 0
							? _('Saved; the running daemon takes it over within a second.')
							: _('Saved, but it has errors: the daemon keeps its old configuration.'),
					]), result.code === 0 ? 'info' : 'warning');
				})
				.catch((error) => ui.addNotification(null, E('p', {}, [error.message]), 'error')));
		const editor = E('div', { class: 'cbi-section' }, [
			E('h3', {}, [CONFIG]),
			area,
			E('div', { class: 'right' }, [E('button', { class: 'btn cbi-button-save', click: save }, [_('Save and check')])]),
			report,
		]);

		return map.render().then((node) => E('div', {}, [node, about, editor]));
	},
});
