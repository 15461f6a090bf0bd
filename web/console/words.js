/** The console's own words, in Chinese and English; % stands for what is filled in. */

const KEY = 'nightdesk.console.lang';

const WORDS = {
  title: ['客服工作台', 'Agents’ console'],
  cases: ['会话', 'Cases'], deliveries: ['投递', 'Deliveries'], shop: ['店铺', 'Shop'],
  signIn: ['登录', 'Sign in'], signOut: ['退出', 'Sign out'], token: ['访问令牌', 'Token'],
  signInHint: ['请输入 nightdesk.yaml 中 access 配置的令牌。', 'Enter a token of access in nightdesk.yaml.'],
  badToken: ['令牌不正确。', 'This token is not known.'],
  localOnly: ['没有配置令牌时，工作台只能在本机打开。请在 nightdesk.yaml 的 access 中设置令牌。',
    'Without tokens the console opens on the daemon’s own machine only. Put a token into access in nightdesk.yaml.'],
  noServer: ['连接不上服务。', 'The daemon cannot be reached.'],
  language: ['English', '中文'], help: ['快捷键', 'Keyboard shortcuts'], back: ['返回列表', 'Back to the list'],
  live: ['实时', 'Live'], connecting: ['正在连接…', 'Connecting…'], lost: ['连接中断，重试中…', 'Connection lost, retrying…'],
  queue: ['队列', 'Queue'], recent: ['最近', 'Recent'],
  waiting: ['等待中', 'Waiting'], mine: ['我的', 'Mine'], others: ['同事处理中', 'With colleagues'],
  nobody: ['没有人在等待', 'Nobody is waiting'], nobodyHint: ['新的会话会自动出现在这里。', 'New cases appear here by themselves.'],
  nothing: ['还没有会话', 'No conversations yet'],
  pick: ['选择一个会话', 'Choose a case'], pickHint: ['用 j / k 移动，回车打开，? 查看全部快捷键。', 'Move with j and k, open with Enter; ? shows all shortcuts.'],
  more: ['另有 % 个在等待', '% more are waiting'],
  take: ['接入', 'Take'], reply: ['回复', 'Reply'], giveBack: ['交还机器人', 'Hand back'], close: ['结束', 'Close'],
  send: ['发送', 'Send'], cancel: ['取消', 'Cancel'], retry: ['重试', 'Try again'],
  write: ['输入回复…', 'Write a reply…'], writeTakes: ['输入回复（发送即接入）…', 'Write a reply (sending takes the case)…'],
  hasIt: ['% 正在处理这个会话', '% has this case'], tookIt: ['% 已先接入这个会话', '% was first and has this case'],
  closeSure: ['结束这个会话？顾客会收到告别语。', 'End this conversation? The customer gets the goodbye notice.'],
  taken: ['已接入', 'You have the case'], returned: ['已交还机器人', 'Handed back to the bot'], closed: ['已结束', 'Closed'],
  unsent: ['没有发出去：%', 'Not sent: %'], failed: ['没有做成：%', 'Not done: %'], gone: ['没有这个会话', 'There is no such case'],
  suggestions: ['建议回复', 'Suggested answers'], suggestionsFor: ['针对顾客上一条消息', 'for the customer’s last message'],
  insert: ['填入：%', 'Insert: %'], keyHint: ['Enter 发送 · Shift+Enter 换行 · Alt+1…5 填入建议', 'Enter sends · Shift+Enter new line · Alt+1…5 inserts an answer'],
  wording: ['用语提醒', 'Wording'], wordingHeld: ['还没有发出，请换个说法：', 'Not sent yet. Please put it in other words:'],
  replaceWith: ['换成：%', 'Replace with: %'], sendAnyway: ['仍然发送', 'Send anyway'],
  wordingSent: ['已发送，但有不宜使用的说法：%', 'Sent, with words that we do not use: %'],
  transcript: ['聊天记录', 'Transcript'], details: ['会话信息', 'Details'], list: ['会话列表', 'List of cases'],
  customer: ['顾客', 'Customer'], tier: ['等级', 'Tier'], channel: ['渠道', 'Channel'], lang: ['语言', 'Language'], tags: ['标签', 'Tags'],
  reason: ['原因', 'Reason'], priority: ['优先级', 'Priority'], since: ['开始', 'Began'], inQueue: ['队列', 'Queue'], agent: ['处理人', 'Agent'],
  due: ['首次回复时限', 'Answer due'], overdue: ['已超时 %', 'overdue by %'], case: ['编号', 'Id'],
  why: ['判断', 'Decision'], candidates: ['候选', 'Candidates'], noCandidates: ['没有相近的条目', 'Nothing was near'],
  notices: ['提示', 'Notices'], class: ['分类', 'Class'],
  visitor: ['顾客', 'Customer'], bot: ['机器人', 'Bot'], human: ['客服', 'Agent'], system: ['系统', 'System'],
  'state.bot': ['机器人', 'With the bot'], 'state.queued': ['等待中', 'Waiting'], 'state.human': ['人工中', 'With a person'], 'state.closed': ['已结束', 'Closed'],
  'event.bot': ['交还机器人', 'Handed back to the bot'], 'event.queued': ['转入队列 %', 'Handed to the queue %'],
  'event.human': ['% 接入', '% took over'], 'event.closed': ['会话结束', 'Conversation closed'],
  'priority.low': ['低', 'Low'], 'priority.normal': ['普通', 'Normal'], 'priority.high': ['高', 'High'], 'priority.urgent': ['紧急', 'Urgent'],
  'reason.asked': ['顾客要求人工', 'Asked for a person'], 'reason.no_match': ['没有匹配', 'Nothing matched'], 'reason.misses': ['多次没听懂', 'Not understood'],
  'reason.repeated': ['重复提问', 'Asked again'], 'reason.policy': ['按规则转人工', 'By a rule'], 'reason.urgent': ['紧急', 'Urgent'],
  'reason.media': ['图片或文件', 'Picture or file'], 'reason.too_long': ['消息过长', 'Too long'], 'reason.rate_limited': ['发得太快', 'Too many at once'], 'reason.internal_error': ['内部错误', 'Internal error'],
  'reason.stepped_in': ['客服主动接入', 'Stepped in'], 'reason.complaint': ['投诉', 'Complaint'], 'reason.matched': ['匹配', 'Matched'],
  'reason.ambiguous': ['不确定', 'Ambiguous'], 'reason.human_owns': ['人工处理中', 'A person has it'], 'reason.continued': ['接着写', 'Continued'],
  'reason.rated': ['评价', 'Rating'], 'reason.low_score': ['低分评价', 'Low score'], 'reason.lapsed': ['评价已过期', 'Survey over'],
  'reason.lookup_failed': ['查询失败', 'Look-up failed'], 'reason.empty': ['空消息', 'Empty'], 'reason.automatic_sender': ['自动消息', 'Automatic sender'], 'reason.undelivered': ['消息未送达', 'Not delivered'],
  'reason.not_by_machine': ['不能自动回复', 'Not for a machine'],
  'outcome.rule': ['规则回复', 'Rule'], 'outcome.faq': ['问答回复', 'FAQ'], 'outcome.choice': ['给出选项', 'Choices'], 'outcome.slot': ['询问信息', 'Asked for details'],
  'outcome.smalltalk': ['寒暄', 'Small talk'], 'outcome.handoff': ['转人工', 'Hand-off'], 'outcome.silent': ['未回复', 'Silent'],
  'outcome.survey': ['满意度', 'Survey'], rated: ['顾客评分：% 分（满分 5 分）', 'Rated % out of 5'],
  image: ['[图片]', '[picture]'], file: ['[文件]', '[file]'], noWords: ['（没有文字）', '(no words)'], guest: ['访客 %', 'Visitor %'],
  open: ['营业中', 'Open'], shut: ['休息中', 'Closed'], always: ['全天', 'at all hours'], until: ['到 %', 'until %'], opens: ['% 上班', 'opens %'], neverOpens: ['没有上班时间', 'no opening in reach'],
  schedules: ['各队列', 'Queues'], files: ['规则文件', 'Rule files'], ruleSet: ['版本', 'Rule set'], rules: ['条目数', 'Rules and entries'],
  lastRead: ['上次读取', 'Last read'], inUse: ['已启用', 'In use'], notInUse: ['有 % 个错误，仍在使用上一版', '% errors; the last good version stays in use'],
  pilots: ['试点', 'Pilots'], pilotRuns: ['进行中', 'Running'], pilotStopped: ['已自动停止', 'Ended by itself'], pilotSince: ['自 %', 'since %'],
  'pilot.handoff': ['转人工 %', '% went to a person'], 'pilot.complaints': ['投诉 %', '% complained'], pilotRest: ['其余顾客 %', 'the rest %'],
  candidate: ['候选规则', 'Candidate'], candidateBad: ['不能使用', 'Cannot be used'], candidateShare: ['给 % 的顾客', 'for % of the customers'], candidateShadow: ['影子模式，不对顾客说话', 'in the shadow, says nothing'],
  certificate: ['证书（HTTPS）', 'Certificate (HTTPS)'], certificateOk: ['有效', 'Valid'], certificateBad: ['需要处理', 'See to it'], certificateDays: ['还有 % 天', '% days left'], certificateEnded: ['已于 % 过期', 'ended %'],
  warnings: ['% 个警告', '% warnings'], filesOk: ['文件没有问题', 'The files are fine'],
  outbox: ['投递概况', 'Outgoing'], outboxClear: ['没有积压', 'Nothing waits'], endpoint: ['接收方', 'Receiver'], stopped: ['已停用', 'stopped'],
  webhook: ['推送', 'Webhook'], oldest: ['最久', 'Oldest'],
  dead: ['失败', 'Dead letters'], pending: ['排队', 'Pending'], deadNone: ['没有失败的投递', 'No dead letters'], pendingNone: ['没有排队的投递', 'Nothing is pending'],
  deadHint: ['推送失败、不再自动重试的消息会列在这里。', 'Deliveries that were given up after all attempts are listed here.'],
  sendAgain: ['重新发送', 'Retry'], drop: ['放弃', 'Drop'], dropSure: ['放弃投递 %？接收方将收不到它。', 'Drop delivery %? Its receiver will not get it.'],
  willSend: ['正在重新发送', 'It is sent again'], dropped: ['已放弃', 'Dropped'], attempts: ['% 次尝试', '% attempts'], openCase: ['查看会话', 'Open the case'],
  kMove: ['上下移动', 'Move through the list'], kOpen: ['打开', 'Open'], kLeave: ['离开输入框或返回', 'Leave the text field, go back'], kInsert: ['填入第 n 条建议', 'Insert suggested answer n'],
  kViews: ['会话、投递、未答上、知识库、店铺', 'Cases, deliveries, unanswered, knowledge, shop'], kRecent: ['队列或最近', 'Queue or recent'], kHelp: ['显示这个窗口', 'Show this'],
  unmatched: ['未答上', 'Unanswered'], unmatchedHint: ['% 以来，没有把握回答的问题，问得多的在前。', 'What nothing surely answered since %, the most frequent first.'],
  unmatchedCut: ['（只看了最近的 2000 条）', '(Only the latest 2,000 messages were looked at.)'], unmatchedNone: ['今天都答上了', 'Everything was answered today'],
  nearest: ['最接近 %', 'nearest %'], timesAsked: ['问了 % 次', 'asked % times'],
  hours: ['上班时间', 'Opening hours'], closeNow: ['临时休息…', 'Close…'], openNow: ['临时营业…', 'Open…'], asPlanned: ['恢复原计划', 'As planned again'],
  closeUntil: ['现在起休息：%', 'Closed from now on: %'], openUntil: ['现在起营业：%', 'Open from now on: %'], untilWhen: ['到什么时候（本机时间）', 'Until when (your time)'], set: ['确定', 'Set'],
  closeUntilHint: ['顾客会听到下次上班的时间；到时自动恢复原计划。', 'Customers hear when people are back. At that time the schedule counts again by itself.'],
  openUntilHint: ['顾客不再听到“非工作时间”，时限照常计算；到时自动恢复原计划。', 'Customers are not told that you are closed, and targets count. At that time the schedule counts again by itself.'],
  forcedOpen: ['临时营业，到 %', 'Opened by hand until %'], forcedShut: ['临时休息，到 %', 'Closed by hand until %'], hoursSet: ['已生效', 'It counts now'], hoursBack: ['已恢复原计划', 'The schedule counts again'],
  modes: ['特殊模式', 'Special modes'], 'mode.peak': ['高峰', 'Peak'], 'mode.degraded': ['系统故障', 'Systems down'],
  'modeHint.peak': ['选项更少，先给相近的问答；转人工时如实说明排队情况。', 'Shorter menus and more answers first; customers hear honestly how many wait.'],
  'modeHint.degraded': ['不再查询订单和物流，顾客会听到系统有故障、消息已保存。', 'Nothing is looked up; customers hear that systems are down and their messages are kept.'],
  modeOn: ['进行中', 'On'], modeOff: ['未开启', 'Off'], modeUntil: ['到 %', 'until %'], modePlanned: ['计划 % 开始', 'planned from %'],
  modeFrom: ['现在起开启：%', 'On from now: %'], modeNote: ['原因（可不填）', 'Why (may be empty)'], modeOver: ['已关闭', 'It is off'],
  modeUntold: ['nightdesk.yaml 里没有通知语 %，顾客不会听到说明。', 'nightdesk.yaml has no notice %, so customers are not told.'],
  switchOn: ['开启', 'Switch on'], switchOnAsk: ['开启…', 'Switch on…'], switchOff: ['关闭', 'Switch off'], switchLonger: ['改时间…', 'Change…'],
  giveBackSure: ['交还给机器人？', 'Hand back to the bot?'], summary: ['小结（给下一位同事看，可不填）', 'Summary (for whoever has it next; may be empty)'],
  transfer: ['转队列', 'Transfer'], transferTo: ['转到哪个队列？', 'To which queue?'], noteFor: ['给同事的说明（可不填）', 'Note to the colleagues (may be empty)'],
  transferred: ['已转队列', 'Passed on'], note: ['同事留言', 'Note'], kTransfer: ['转到其他队列', 'Pass on to another queue'],
  newCase: ['新会话：%', 'New case: %'], newMessage: ['顾客：%', 'Customer: %'],
};

/** More words, of a page that has its own. */
export const teach = (words) => Object.assign(WORDS, words);

const read = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
let lang = read() || (/^zh\b/i.test(navigator.language) ? 'zh' : 'en');

export const language = () => lang;
/** For lang attributes and formats. */
export const locale = () => (lang === 'zh' ? 'zh-CN' : 'en-GB');

export function switchLanguage() {
  lang = lang === 'zh' ? 'en' : 'zh';
  try { localStorage.setItem(KEY, lang); } catch { /* it only forgets */ }
}

/** A word in the language in use, with what is filled in. */
export function say(name, filled) {
  const text = WORDS[name][lang === 'zh' ? 0 : 1];
  return filled === undefined ? text : text.split('%').join(String(filled));
}

/** The word of a closed set, or the daemon's own where the console knows none: reasons of rules are their authors'. */
export function sayOf(set, word) {
  const name = `${set}.${word}`;
  return Object.hasOwn(WORDS, name) ? say(name) : String(word ?? '');
}

/** A length of time: 45 s, 12 min, 3 h 5 min, 2 d. */
export function length(ms) {
  const zh = lang === 'zh', s = Math.max(0, Math.floor(ms / 1000)), m = Math.floor(s / 60), h = Math.floor(m / 60);
  if (s < 60) return zh ? `${s} 秒` : `${s} s`;
  if (m < 60) return zh ? `${m} 分钟` : `${m} min`;
  if (h < 48) return zh ? `${h} 小时${m % 60 ? ` ${m % 60} 分` : ''}` : `${h} h${m % 60 ? ` ${m % 60} min` : ''}`;
  return zh ? `${Math.floor(h / 24)} 天` : `${Math.floor(h / 24)} d`;
}

/** An instant: the time if it is today, else with the day. */
export function instant(iso) {
  const date = new Date(iso), today = date.toDateString() === new Date().toDateString();
  const how = today ? { hour: '2-digit', minute: '2-digit' } : { month: 'short', day: 'numeric', weekday: 'short', hour: '2-digit', minute: '2-digit' };
  return date.toLocaleString(locale(), how);
}
